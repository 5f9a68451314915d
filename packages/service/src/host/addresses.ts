/** Loopback addresses that can be listened on. */
import { createServer } from 'node:net'

/** Null when this process could listen there, otherwise the error's code: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`. */
export const whyNotFree = (address: string, port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(null)))
  })

/** Loopback addresses that can be listened on. */
import { createServer } from 'node:net'
import { LarderError } from '../errors.ts'
import { isShortage } from './shortage.ts'

/**
 * Null when this process could listen there, otherwise the error's code: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`. Rejects with `machine`
 * where the machine is short of something: that says nothing of the address.
 */
export const whyNotFree = (address: string, port: number): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (!isShortage(error)) return resolve(error.code ?? error.message)
      const reason = `could not look whether ${address}:${port} is free: ${error.message}`
      reject(new LarderError('machine', reason, { cause: error, retry: true }))
    })
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(null)))
  })

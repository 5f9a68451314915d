/** Who reaches what, by real connections. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'

export interface Place {
  readonly Address?: string | undefined
  readonly Port?: number | undefined
}

export const app = '127.1.2.3'
export const stranger = '127.2.2.3'

/** Opens a connection from an address and asks for one answer: `reached`, the code of the error, `closed` or `no answer`. */
export const reach = ({ Address, Port }: Place, from: string, question = 'PING\r\n'): Promise<string> =>
  new Promise((resolve) => {
    assert.ok(Address !== undefined && Port !== undefined)
    const socket = connect({ host: Address, port: Port, localAddress: from })
    const end = (outcome: string): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(5_000, () => end('no answer'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.on('connect', () => socket.write(question))
    socket.on('data', () => end('reached'))
    socket.on('close', () => end('closed'))
  })

export const refused = 'EHOSTUNREACH'

/** Each of these places lets the one in and not the other. */
export const guards = async (places: readonly (Place | undefined)[], question?: string): Promise<void> => {
  for (const place of places) {
    assert.ok(place !== undefined)
    assert.equal(await reach(place, app, question), 'reached', `${place.Address} from ${app}`)
    assert.equal(await reach(place, stranger, question), refused, `${place.Address} from ${stranger}`)
  }
}

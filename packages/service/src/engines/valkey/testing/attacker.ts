/** What tests of hindered control share: a client who may do everything that clients may, and raw words to an engine. */
import { createHash } from 'node:crypto'
import { connect, type NetConnectOpts } from 'node:net'
import { LarderError } from '../../../errors.ts'
import type { ClientAccess } from '../../../model/users.ts'
import { openAccess } from '../../../model/users.ts'
import type { EngineControl } from '../../../ports/engine.ts'
import { adapterFor } from '../../index.ts'
import type { RunningNode } from '../../testing.ts'
import { encodeCommand } from '../resp.ts'

export const password = 'the-password-of-the-attacker'
const everything = openAccess.users.map(({ accessString }) => accessString).join()
export const attacker: ClientAccess = {
  users: [
    {
      name: 'mallory',
      authentication: 'password',
      passwords: [createHash('sha256').update(password).digest('hex')],
      accessString: everything,
    },
  ],
}
export const nobody: ClientAccess = { users: [] }
export interface Speaker extends Disposable {
  write(text: string): void
  /** What comes back for it, of at least so many letters; `closed` where the connection ends. */
  raw(text: string, letters?: number): Promise<string>
  say(words: readonly string[]): Promise<string>
}

export const speakAt = (place: NetConnectOpts, greeting: string): Promise<Speaker> =>
  new Promise((resolve, reject) => {
    const socket = connect(place)
    let heard = ''
    let waiting: { readonly letters: number; readonly tell: (text: string) => void } | null = null
    const look = (ended: boolean): void => {
      if (waiting === null || (!ended && heard.length < waiting.letters)) return
      const { tell } = waiting
      waiting = null
      tell(ended ? 'closed' : heard)
      heard = ''
    }
    socket.setNoDelay?.(true)
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1')
      look(false)
    })
    socket.on('error', reject)
    socket.on('close', () => look(true))
    const raw = (text: string, letters = 1): Promise<string> =>
      new Promise((tell) => {
        waiting = { letters, tell }
        socket.write(text)
        if (socket.destroyed) look(true)
      })
    const speaker: Speaker = {
      write: (text) => void socket.write(text),
      raw,
      say: (words) => raw(encodeCommand(words)),
      [Symbol.dispose]: () => socket.destroy(),
    }
    socket.once('connect', () => {
      if (greeting === '') resolve(speaker)
      else raw(greeting).then(() => resolve(speaker), reject)
    })
  })

export const speak = (node: RunningNode, greeting: string): Promise<Speaker> =>
  speakAt({ host: node.plan.address, port: node.plan.port }, greeting)

/** As a controller does: a connection that has ended is followed by the next one. */
export const as = async <Result>(node: RunningNode, work: (control: EngineControl) => Promise<Result>): Promise<Result> => {
  const until = performance.now() + 5_000
  for (;;) {
    try {
      const control = await adapterFor(node.plan.engine.engine).connect(node.plan, 1_000)
      try {
        return await work(control)
      } finally {
        control.close()
      }
    } catch (error) {
      if (!(error instanceof LarderError) || !error.retry || performance.now() > until) throw error
    }
  }
}

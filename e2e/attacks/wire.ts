/** Speaks to an engine, or to anything else that listens, byte by byte. */
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { trusting } from '../support/tls.ts'

export interface Place {
  readonly host: string
  readonly port: number
  /** Certificates of the authority; without it the connection is not encrypted. */
  readonly ca?: string
}

/** A command in the engines' protocol. */
export const command = (...words: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...words.flatMap((word) => [Buffer.from(`$${Buffer.byteLength(word)}\r\n`), Buffer.from(word), Buffer.from('\r\n')]),
  ])

/** The same by the protocol for people: words on a line. */
export const inline = (text: string): Buffer => Buffer.from(`${text}\r\n`)

const deadlineMs = 3_000

/** What Valkey 9.1 says to the mark of somebody who is not logged in, and to QUIT behind it. */
const notLoggedIn = /-NOAUTH [^\r\n]*\r\n\+OK\r\n$/

/**
 * Sends the parts and gives back all that was answered. An unknown command at the end marks where the answers end: engines refuse it in
 * every state. `(closed)` stands where the other side ended it before that, `(silent)` where nothing more came.
 */
export const talk = (place: Place, ...parts: readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    const mark = `mark-${randomBytes(6).toString('hex')}`
    const { host, port, ca } = place
    const socket = ca === undefined ? connect({ host, port }) : connectSecurely({ host, port, ...trusting(ca) })
    let heard = ''
    const finish = (how: string): void => {
      clearTimeout(timer)
      socket.destroy()
      const end = heard.includes(mark) ? heard.lastIndexOf('\r\n', heard.indexOf(mark)) : heard.search(notLoggedIn)
      if (heard.includes(mark) || end >= 0) resolve(heard.slice(0, Math.max(0, end)).replace(/\r\n$/, ''))
      else resolve(`${heard} (${how})`)
    }
    const timer = setTimeout(() => finish('silent'), deadlineMs)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      heard += text
      if (heard.includes(mark)) finish('marked')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => finish(`closed: ${error.code ?? error.message}`))
    socket.on('close', () => finish('closed'))
    socket.write(Buffer.concat([...parts, command(mark), command('QUIT')]))
  })

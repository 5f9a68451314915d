/** Writers as light as a client can be, since there are many: a bare connection each, made again 10 ms after it was lost. */
import { connect, type Socket } from 'node:net'
import type { Place } from './asking.ts'

const retryMs = 10

export interface LightWriter extends Disposable {
  /** From here on is measured. */
  mark(): void
  /** The fault has happened: what counts as going on has to begin from here on. */
  struck(): void
  /** Has a write been acknowledged that was sent after the mark, or after the fault where there was one? */
  readonly goesOn: boolean
  /** Longest time between two acknowledged writes, and when it ended, counted from the mark. In milliseconds. */
  longest(): { readonly gapMs: number; readonly backMs: number }
}

export const openLightWriter = ({ address, port }: Place, everyMs: number): LightWriter => {
  let marked = performance.now()
  let expected = marked
  let last = marked
  let longest = { gapMs: 0, backMs: 0 }
  let goesOn = false
  let going = true
  let socket: Socket | null = null

  const acknowledged = (sentAt: number): void => {
    const now = performance.now()
    if (now - last > longest.gapMs) longest = { gapMs: now - last, backMs: now - marked }
    last = now
    if (sentAt > expected) goesOn = true
  }
  const open = (): void => {
    if (!going) return
    const sentAt: number[] = []
    const opened = connect({ host: address, port, noDelay: true })
    socket = opened
    const write = (): void => {
      sentAt.push(performance.now())
      opened.write('SET light 1\r\n')
    }
    let timer: NodeJS.Timeout | undefined
    opened.on('connect', () => {
      write()
      timer = setInterval(write, everyMs)
    })
    opened.on('data', (chunk: Buffer) => {
      for (const answer of chunk.toString('latin1').split('\r\n')) {
        if (answer === '') continue
        const at = sentAt.shift()
        if (answer === '+OK' && at !== undefined) acknowledged(at)
      }
    })
    opened.on('error', () => undefined) // told by the end
    opened.on('close', () => {
      clearInterval(timer)
      setTimeout(open, retryMs)
    })
  }
  open()
  return {
    mark: () => {
      marked = performance.now()
      expected = marked
      longest = { gapMs: 0, backMs: 0 }
      goesOn = false
    },
    struck: () => {
      expected = performance.now()
      goesOn = false
    },
    get goesOn() {
      return goesOn
    },
    longest: () => longest,
    [Symbol.dispose]: () => {
      going = false
      socket?.destroy()
    },
  }
}

/** What the programs in TypeScript have in common: they write without an end, and print what they see. */
import { setTimeout as delay } from 'node:timers/promises'

export interface Wanted {
  readonly host: string
  readonly port: number
  readonly kind: 'cmd' | 'cme' | 'tls'
  readonly key: string
  /** A file. */
  readonly ca: string
  readonly password: string
  readonly first: number
}

export const wanted = JSON.parse(process.argv[2] ?? '') as Wanted

export const tell = (said: Readonly<Record<string, unknown>>): void =>
  void process.stdout.write(`${JSON.stringify({ ...said, at: performance.timeOrigin + performance.now() })}\n`)

export const tellError = (error: unknown): void =>
  tell({ error: error instanceof Error ? `${error.name}: ${error.message || error.cause || ''}` : String(error) })

/** A write that fails is tried again after 10 ms, as a simple application does. */
export const write = async (one: (key: string, number: number) => Promise<unknown>): Promise<never> => {
  for (let number = wanted.first; ; ) {
    try {
      await one(`${wanted.key}:${number % 8}`, number)
      tell({ ok: number })
      number += 1
    } catch (error) {
      tellError(error)
      await delay(10)
    }
    await delay(5)
  }
}

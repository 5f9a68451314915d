/** What becomes of an error that nobody caught. */
import { isShortage } from '../host/shortage.ts'
import type { Log } from '../ports/log.ts'

interface Process {
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (error: unknown) => void): unknown
  exit(status: number): void
}

const described = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/**
 * A defect ends the process, with the reason in the log and on `complain`: what follows from it is not known, engines go on, and the
 * service manager starts it again. A shortage is no defect: it passes, and whoever needed something asks again.
 */
export const endOnDefects = (target: Process, log: Log, complain: (text: string) => void): void => {
  const take = (what: string) => (error: unknown) => {
    if (isShortage(error)) return log('error', `${what}: the machine was short of something`, { error })
    log('error', `${what}: the service ends`, { error, stack: described(error) })
    complain(`larder: a defect ends the service (its engines go on): ${described(error)}\n`)
    target.exit(1)
  }
  target.on('uncaughtException', take('an error that nobody caught'))
  target.on('unhandledRejection', take('a rejection that nobody caught'))
}

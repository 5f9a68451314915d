import { stopHome } from '../compose/stop.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { runningService } from '../home/lock.ts'
import { endServiceProcess } from '../host/service-process.ts'
import { existingHome } from './access.ts'
import { print } from './terminal.ts'

const serviceDeadlineMs = 30_000
/** Whoever takes the lock writes who it is in the next instant. */
const recordDeadlineMs = 3_000
const pollMs = 20

/** Ends the service first, if it runs: nobody else may control the engines meanwhile. False: none ran. */
const endService = async (home: Home): Promise<boolean> => {
  const since = performance.now()
  let signalled: number | null = null
  for (;;) {
    const service = runningService(home)
    if (service === null) return signalled !== null
    if (signalled !== service.pid && (service.task ?? 'up') === 'up' && endServiceProcess(service, home.lockFile))
      signalled = service.pid
    const waited = performance.now() - since
    if (signalled === null && waited > recordDeadlineMs) {
      throw new LarderError(
        'store-busy',
        `expected the service of ${home.path} to be process ${service.pid}, as ${home.serviceFile} says, found that another process holds ` +
          `${home.lockFile}. Nothing was signalled; see who it is with: fuser ${home.lockFile}`,
      )
    }
    if (waited > serviceDeadlineMs)
      throw new LarderError('deadline', `the service (process ${signalled}) did not end within ${serviceDeadlineMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

const resultOf = (wasRunning: boolean, stopped: number): string => {
  if (stopped > 0) return `${stopped} engines stopped, their data is kept for the next start`
  return wasRunning ? 'the service was ended, and with it what it had started' : 'no engine was running'
}

/** `larder down` */
export const down = async (): Promise<number> => {
  const { home } = existingHome()
  const wasRunning = await endService(home)
  print(`${resultOf(wasRunning, await stopHome(home, process.env))}\n`)
  return 0
}

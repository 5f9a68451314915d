import { stopHome } from '../compose.ts'
import { LarderError } from '../errors.ts'
import { runningService } from '../home/lock.ts'
import { existingHome } from './access.ts'
import { print } from './terminal.ts'

const serviceDeadlineMs = 30_000
const pollMs = 20

/** Ends the service first, if it runs: nobody else may control the engines meanwhile. False: none ran. */
const endService = async (home: ReturnType<typeof existingHome>['home']): Promise<boolean> => {
  const service = runningService(home)
  if (service === null) return false
  process.kill(service.pid, 'SIGTERM')
  const deadline = performance.now() + serviceDeadlineMs
  while (runningService(home) !== null) {
    if (performance.now() > deadline)
      throw new LarderError('deadline', `the service (process ${service.pid}) did not end within ${serviceDeadlineMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  return true
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

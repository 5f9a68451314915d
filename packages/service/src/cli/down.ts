import { stopHome } from '../compose.ts'
import { LarderError } from '../errors.ts'
import { runningService } from '../home/lock.ts'
import { existingHome } from './access.ts'
import { print } from './terminal.ts'

const serviceDeadlineMs = 30_000
const pollMs = 20

/** Ends the service first, if it runs: nobody else may control the engines meanwhile. */
const endService = async (home: ReturnType<typeof existingHome>['home']): Promise<void> => {
  const service = runningService(home)
  if (service === null) return
  process.kill(service.pid, 'SIGTERM')
  const deadline = Date.now() + serviceDeadlineMs
  while (runningService(home) !== null) {
    if (Date.now() > deadline)
      throw new LarderError('deadline', `the service (process ${service.pid}) did not end within ${serviceDeadlineMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** `larder down` */
export const down = async (): Promise<number> => {
  const { home } = existingHome()
  await endService(home)
  const count = await stopHome(home, process.env)
  print(count === 0 ? 'no engine was running\n' : `${count} engines stopped, their data is kept for the next start\n`)
  return 0
}

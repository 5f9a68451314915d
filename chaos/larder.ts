/** The `larder` command beside the writers: without stopping them, as a call that waits for its end would. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { StatusReport, TestService } from '../e2e/support/service.ts'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
const deadlineMs = 60_000 * slowness

interface Ended {
  /** Null where it had to be ended. */
  readonly code: number | null
  readonly said: string
}

const run = (service: TestService, args: readonly string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: service.environment, timeout: deadlineMs, maxBuffer: 1 << 24 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null
        resolve({ code, said: code === 0 ? stdout : `${stderr}${stdout}` })
      },
    )
  })

/** Rejects with all that it said when it fails. */
export const larder = async (service: TestService, ...args: readonly string[]): Promise<string> => {
  const { code, said } = await run(service, args)
  if (code !== 0) throw new Error(`larder ${args.join(' ')} ended with ${code ?? 'nothing in time'}: ${said}`)
  return said
}

/** Rejects when it does anything but refuse because of the state of the home. */
export const refusedByLarder = async (service: TestService, ...args: readonly string[]): Promise<void> => {
  const { code, said } = await run(service, args)
  if (code !== 3)
    throw new Error(`expected larder ${args.join(' ')} to refuse with 3, it ended with ${code ?? 'nothing in time'}: ${said}`)
}

export const statusOf = async (service: TestService): Promise<StatusReport> =>
  JSON.parse(await larder(service, 'status', '--json')) as StatusReport

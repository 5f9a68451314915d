/** The `larder` command beside the writers: without stopping them, as a call that waits for its end would. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { StatusReport, TestService } from '../e2e/support/service.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
const deadlineMs = 60_000

/** Rejects with all that it said when it fails. */
export const larder = (service: TestService, ...args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: service.environment, timeout: deadlineMs, maxBuffer: 1 << 24 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else reject(new Error(`larder ${args.join(' ')} failed: ${stderr}${stdout}`, { cause: error }))
      },
    )
  })

export const statusOf = async (service: TestService): Promise<StatusReport> =>
  JSON.parse(await larder(service, 'status', '--json')) as StatusReport

/** The service, killed by its own hand before or after a chosen write of its store: `CRASH_AT=7 CRASH_PHASE=after`. */
import { writeSync } from 'node:fs'
import { startService } from '../../packages/service/src/compose/service.ts'
import { homePath, openHome } from '../../packages/service/src/home/home.ts'
import { withTransactionHook } from '../../packages/service/src/store/hook.ts'

const at = Number(process.env['CRASH_AT'] ?? Number.POSITIVE_INFINITY)
const phase = process.env['CRASH_PHASE'] ?? 'after'

const service = await startService({
  home: openHome(homePath(process.env)),
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  environment: process.env,
  onProgress: () => undefined,
  wrapStore: (store) =>
    withTransactionHook(store, (n, now) => {
      if (n >= at && now === phase) process.kill(process.pid, 'SIGKILL')
    }),
})
writeSync(1, `ready ${service.url}\n`)
process.once('SIGTERM', () => {
  service.close({ stopEngines: false }).catch((error: unknown) => {
    throw error
  })
})

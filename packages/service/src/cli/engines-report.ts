/** The state of all nodes without the service. */
import { existsSync } from 'node:fs'
import { systemClock } from '../compose/clock.ts'
import { probeWith } from '../compose/probes.ts'
import { volumeOf } from '../compose/unsupported.ts'
import { keysOfHome, lost, tracesOf } from '../controllers/recovery/opening.ts'
import { createLinuxHost } from '../host/linux.ts'
import { makeReport, type Report } from '../observe/report.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { existingHome } from './access.ts'

/** Reads the store beside the service and asks the engines: right also when the service is down. */
export const reportOfEngines = async ({ home, secrets }: ReturnType<typeof existingHome>): Promise<Report> => {
  if (!existsSync(home.stateFile)) {
    const traces = (await tracesOf(home, createLinuxHost())).filter((each) => each !== keysOfHome)
    if (traces.length === 0) return { groups: [] }
    throw lost(home, `the state in ${home.stateFile}`, `no such file, although there are ${traces.join(', ')}`)
  }
  const store = openSqliteStore(home.stateFile, { clock: systemClock, readOnly: true })
  try {
    return await makeReport(store, probeWith(home, createLinuxHost(), secrets), await volumeOf(home, process.env))
  } finally {
    await store.close()
  }
}

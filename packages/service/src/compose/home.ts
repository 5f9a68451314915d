/** What is opened of a home before anything else: the lock, the state, the keys, the log. */
import type { NodePlace } from '../controllers/groups/context.ts'
import { checkFiles, openState } from '../controllers/recovery/opening.ts'
import { LarderError } from '../errors.ts'
import { claimBlock } from '../home/blocks.ts'
import type { Home } from '../home/home.ts'
import { lastService, lockHome, type ServiceInfo, writeService } from '../home/lock.ts'
import { openSealKey } from '../home/seal-key.ts'
import { openSecrets } from '../home/secrets.ts'
import { livesElsewhere, ownIdentity } from '../host/service-process.ts'
import { larderVersion } from '../model/version.ts'
import { bounds, openLines } from '../observe/lines.ts'
import { createLog, type SummingLog } from '../observe/log.ts'
import type { Host } from '../ports/host.ts'
import type { Log } from '../ports/log.ts'
import { createSealer } from '../security/seal.ts'
import { systemClock } from './clock.ts'

export const fileLog = (home: Home): SummingLog => createLog(openLines(home.logFile, bounds.log).append, systemClock.now)

export const placeIn =
  (home: Home) =>
  (region: string, nodeId: string): NodePlace => {
    const folder = home.nodeFolder(region, nodeId)
    return { folder, socket: home.socket(region, nodeId), tag: `${folder}/` }
  }

/** Alone in the home from now on. Throws `store-busy`. */
export const takeHome = (home: Home, task: NonNullable<ServiceInfo['task']>) => {
  const lock = lockHome(home)
  const last = lastService(home)
  if (last !== null && livesElsewhere(last)) {
    lock.release()
    throw new LarderError(
      'store-busy',
      `expected to be the only service of ${home.path}, found process ${last.pid} (larder ${last.task ?? 'up'}), whose lock was removed; end it first`,
    )
  }
  // At once: what a killed service left there names a process that may be somebody else's by now.
  const self = { ...ownIdentity(), task, startedAt: systemClock.now() }
  writeService(home, { ...self, url: null })
  return { lock, self }
}

/** The state and the keys of a home, all of one day; refused with what to do where they are not. The state comes first: a home is new without one. */
export const openHomeFiles = async (home: Home, environment: NodeJS.ProcessEnv, host: Host, log: Log) => {
  const state = await openState({ home, host, clock: systemClock, log, version: larderVersion })
  try {
    await checkFiles(home, state.store, environment)
    const secrets = openSecrets(home)
    const sealer = createSealer(openSealKey(home, environment))
    const { entries } = await state.store.list('address/')
    const addresses = entries.map(({ key }) => key.slice('address/'.length))
    const block = claimBlock(home, environment['LARDER_BLOCKS_FOLDER'], addresses)
    return { state, secrets, sealer, block }
  } catch (error) {
    await state.close()
    throw error
  }
}

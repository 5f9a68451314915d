/** The composition root of `larder down`. */
import { createConnections } from '../controllers/groups/connections.ts'
import { stopEngines } from '../controllers/groups/shutdown.ts'
import { openState } from '../controllers/recovery/opening.ts'
import { adapterFor } from '../engines/index.ts'
import type { Home } from '../home/home.ts'
import { removeService } from '../home/lock.ts'
import { openSecrets } from '../home/secrets.ts'
import { createLinuxHost } from '../host/linux.ts'
import { larderVersion } from '../model/version.ts'
import { systemClock } from './clock.ts'
import { fileLog, onAnyDisk, placeIn, takeHome } from './home.ts'
import { balancerOf, firewallOf, packetFilterOf } from './kernel.ts'

/** `larder down` without a running service: takes the home's lock, so that no service can start meanwhile. */
export const stopHome = async (home: Home, environment: NodeJS.ProcessEnv): Promise<number> => {
  const { lock } = takeHome(home, 'down')
  const log = fileLog(home)
  const ending = new AbortController()
  const host = createLinuxHost()
  const state = await onAnyDisk(home, () => openState({ home, host, clock: systemClock, log, version: larderVersion })).catch(
    (error: unknown) => {
      removeService(home)
      lock.release()
      throw error
    },
  )
  const { store } = state
  const filter = await packetFilterOf(home, environment, { host, log, signal: ending.signal })
  const balancer = await balancerOf(home, filter, environment, { host, log, signal: ending.signal })
  const firewall = await firewallOf(home, filter, environment, log)
  const connections = createConnections(() => undefined)
  try {
    return await stopEngines({
      store,
      host,
      balancer,
      firewall,
      clock: systemClock,
      log,
      secrets: openSecrets(home),
      adapter: adapterFor,
      place: placeIn(home),
      connections,
    })
  } finally {
    connections.closeAll()
    ending.abort()
    await state.close()
    removeService(home)
    lock.release()
  }
}

/** What some faults need of the machine, opened once for a run. What is not there is said, and its faults are left out. */
import { openServiceClock, type TestClock } from '../e2e/support/clock.ts'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import type { Fault } from './scene.ts'

export type Need = 'clock' | 'nft' | 'limits' | 'timeout' | 'disk'

export interface Tools extends Disposable {
  /** For Larder alone: engines have the right time. */
  readonly clock: TestClock | null
  readonly nft: readonly string[] | null
  readonly timeout: readonly string[] | null
  /** The folder of a small file system that holds the home, and nothing of anybody else. */
  readonly disk: string | null
  /** Why something is not there. */
  readonly missing: ReadonlyMap<Need, string>
}

/** A fault that is done without what it needs has not been left out, as it should have been. */
export const needed = <T>(tool: T | null, need: Need): T => {
  if (tool === null) throw new TypeError(`expected ${need} to be there`)
  return tool
}

/** `disk`: see `own-room.ts`. Opens nothing that no fault asks for. */
export const openTools = async (faults: readonly Pick<Fault, 'needs'>[], disk: string | null): Promise<Tools> => {
  const missing = new Map<Need, string>()
  const isNeeded = (need: Need): boolean => faults.some((fault) => fault.needs === need)
  const program = (need: Need, name: string): readonly string[] | null => {
    const found = findTool(name, process.env)
    if (found === null) missing.set(need, `there is no ${name} command`)
    return found
  }
  const openNft = async (): Promise<readonly string[] | null> => {
    const nft = findTool('nft', process.env)
    const capability = await canUseNftables(nft)
    if (capability.ok) return nft
    missing.set('nft', capability.reason)
    return null
  }
  const nft = isNeeded('nft') ? await openNft() : null
  // Without it root would raise the limits again.
  if (isNeeded('limits') && process.getuid?.() === 0) program('limits', 'setpriv')
  const timeout = isNeeded('timeout') ? program('timeout', 'timeout') : null
  if (disk === null) missing.set('disk', 'no small disk could be made for the home (it takes root, unshare and ip)')
  const clock = isNeeded('clock') ? openServiceClock() : null
  if (typeof clock === 'string') missing.set('clock', clock)
  const found = typeof clock === 'string' ? null : clock
  return { clock: found, nft, timeout, disk, missing, [Symbol.dispose]: () => found?.[Symbol.dispose]() }
}

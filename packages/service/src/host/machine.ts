/** Looks at the machine for `larder doctor`. Changes nothing, but for a rule of nftables that is made and taken away. */
import { readFile, statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { whyNotFree } from './addresses.ts'
import {
  backlogCheck,
  diskCheck,
  hugePagesCheck,
  kernelCheck,
  listenersCheck,
  listenersOnAll,
  loopbackCheck,
  type MachineCheck,
  memoryCheck,
  nftablesCheck,
  openFilesCheck,
  overcommitCheck,
  parseMemory,
  priorityCheck,
  trackingCheck,
} from './machine-checks.ts'
import { canUseNftables } from './nftables-try.ts'
import { raisePriority } from './priority.ts'

export type { MachineCheck } from './machine-checks.ts'

const standardPorts = [6379, 11_211]
/** One of the endpoints' network, and one of each zone, of the first home. */
const sampleAddresses = ['127.64.0.1', '127.65.0.1', '127.66.0.1', '127.67.0.1']

/** Null where it is not there, or not for us. */
const text = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

const loopback = async (): Promise<MachineCheck> => {
  // Port 0: any free one, so that a running node does not look like a fault.
  const tried = await Promise.all(sampleAddresses.map(async (address) => [address, await whyNotFree(address, 0)] as const))
  return loopbackCheck(
    sampleAddresses,
    Object.fromEntries(tried.flatMap(([address, code]) => (code === null ? [] : [[address, code]]))),
  )
}

const disk = async (home: string): Promise<MachineCheck> => {
  const { bavail, bsize } = await statfs(home)
  return diskCheck(home, bavail * bsize)
}

/** `home` exists. `nft` as `findTool('nft')` found it. */
export const checkMachine = async (home: string, nft: readonly string[] | null): Promise<readonly MachineCheck[]> => {
  const capability = await canUseNftables(nft)
  const memory = parseMemory((await text('/proc/meminfo')) ?? '')
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(text))
  return [
    kernelCheck(release()),
    await loopback(),
    listenersCheck(listenersOnAll(tables, standardPorts), standardPorts),
    nftablesCheck(capability, nft, process.getuid?.() ?? 0),
    trackingCheck(await text('/proc/sys/net/netfilter/nf_conntrack_max'), capability.ok),
    backlogCheck(await text('/proc/sys/net/core/somaxconn')),
    openFilesCheck(await text('/proc/self/limits')),
    memoryCheck(memory.total, memory.available),
    priorityCheck(raisePriority()),
    overcommitCheck(await text('/proc/sys/vm/overcommit_memory')),
    hugePagesCheck(await text('/sys/kernel/mm/transparent_hugepage/enabled')),
    await disk(home),
  ]
}

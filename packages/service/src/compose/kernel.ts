/** What stands in the kernel's packet filter: readers that it balances, and security groups. */
import { findTool } from '../engines/tools.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { openBalancer, tableOf } from '../host/balancer.ts'
import { guardTableOf, openFirewall } from '../host/firewall.ts'
import { removeFormerTables } from '../host/former-tables.ts'
import { openPacketFilter, type PacketFilter } from '../host/packet-filter/packet-filter.ts'
import type { Block } from '../model/addresses.ts'
import type { Balancer } from '../ports/balancer.ts'
import type { Firewall } from '../ports/firewall.ts'
import type { Host } from '../ports/host.ts'
import { keepDoing } from '../ports/keep-doing.ts'
import type { Log } from '../ports/log.ts'
import { systemClock } from './clock.ts'

export const nftablesOf = (environment: NodeJS.ProcessEnv) => ({
  nft: findTool('nft', environment),
  allowNft: environment['LARDER_NFTABLES'] !== 'off',
})

/** Groups are taken although nothing enforces their security groups. Throws `usage`. */
export const takesUnenforced = (environment: NodeJS.ProcessEnv): boolean => {
  const setting = environment['LARDER_SECURITY_GROUPS'] || 'enforced'
  if (setting === 'enforced' || setting === 'unenforced') return setting === 'unenforced'
  throw new LarderError('usage', `expected LARDER_SECURITY_GROUPS to be enforced or unenforced, found ${setting}`)
}

export const packetFilterOf = async (
  { path }: Home,
  environment: NodeJS.ProcessEnv,
  parts: { readonly host: Host; readonly log: Log; readonly signal: AbortSignal },
): Promise<PacketFilter | null> => {
  const { nft } = nftablesOf(environment)
  return nft === null ? null : openPacketFilter({ home: path, nft, clock: systemClock, ...parts })
}

export const balancerOf = (
  { path }: Home,
  filter: PacketFilter | null,
  environment: NodeJS.ProcessEnv,
  parts: { readonly host: Host; readonly log: Log; readonly signal: AbortSignal },
): Promise<Balancer> => openBalancer({ home: path, filter, ...nftablesOf(environment), ...parts })

export const firewallOf = (
  home: Home,
  filter: PacketFilter | null,
  environment: NodeJS.ProcessEnv,
  log: Log,
): Promise<Firewall> =>
  openFirewall({
    home: home.path,
    filter,
    ...nftablesOf(environment),
    unenforced: takesUnenforced(environment),
    user: process.getuid?.() ?? 0,
    log,
  })

const formerEveryMs = 24 * 3_600_000

/** Beside everything else: nothing waits for it, and what nft refuses is tried again. */
export const clearFormerTables = async (
  { path }: Home,
  block: Block,
  environment: NodeJS.ProcessEnv,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> => {
  const { nft, allowNft } = nftablesOf(environment)
  if (nft === null || !allowNft) return
  const complaint = 'it could not be looked for rules of homes that are no longer there'
  await keepDoing({ clock: systemClock, log }, { complaint, everyMs: formerEveryMs, signal }, async () => {
    const own = [await tableOf(path), await guardTableOf(path)]
    await removeFormerTables(nft, { block, own, log })
  })
}

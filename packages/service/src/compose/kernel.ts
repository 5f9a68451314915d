/** What stands in the kernel's packet filter: readers that it balances, and security groups. */
import { findTool } from '../engines/tools.ts'
import { LarderError } from '../errors.ts'
import type { Home } from '../home/home.ts'
import { openBalancer } from '../host/balancer.ts'
import { openFirewall } from '../host/firewall.ts'
import { openPacketFilter, type PacketFilter } from '../host/packet-filter/packet-filter.ts'
import type { Balancer } from '../ports/balancer.ts'
import type { Firewall } from '../ports/firewall.ts'
import type { Host } from '../ports/host.ts'
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

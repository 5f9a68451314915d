/** Security groups put in force by the kernel's packet filter, in a table of the home's own. Rules outlive Larder. */

import { LarderError } from '../errors.ts'
import type { Firewall } from '../ports/firewall.ts'
import type { Log } from '../ports/log.ts'
import { tableOf } from './balancer.ts'
import { guardText } from './firewall-rules.ts'
import { listTables } from './nftables.ts'
import { canUseNftables } from './nftables-try.ts'
import type { PacketFilter } from './packet-filter/packet-filter.ts'

interface FirewallOptions {
  /** The state folder. Its table in the kernel is named after it. */
  readonly home: string
  /** How nft is run, `['/usr/sbin/nft']`; null where it is not there. */
  readonly nft: readonly string[] | null
  /** Null where nft is not there. */
  readonly filter: PacketFilter | null
  /** False: the kernel's packet filter is left alone. */
  readonly allowNft: boolean
  /** Groups are taken although nothing enforces their security groups. */
  readonly unenforced: boolean
  /** System user whose processes nodes are. */
  readonly user: number
  readonly log: Log
}

/** `larder_`, eight hexadecimal digits that belong to this home, `_guard`. */
export const guardTableOf = async (home: string): Promise<string> => `${await tableOf(home)}_guard`

/** Why this home cannot put security groups in force, whether it takes them or not; null where it can. */
export const whyUnenforceable = async ({ nft, allowNft }: Pick<FirewallOptions, 'nft' | 'allowNft'>): Promise<string | null> => {
  if (!allowNft) return 'LARDER_NFTABLES=off forbids the use of nftables'
  const capability = await canUseNftables(nft)
  return capability.ok ? null : `nftables cannot be used: ${capability.reason}`
}

export const openFirewall = async (options: FirewallOptions): Promise<Firewall> => {
  const { nft, filter, unenforced, user, log } = options
  const table = await guardTableOf(options.home)
  /** Asked when it matters: it takes some time. */
  let known: Promise<string | null> | null = null
  const why = async (): Promise<string | null> => {
    known ??= whyUnenforceable(options)
    const reason = await known
    // A machine that was too busy to answer in time may be able to.
    if (reason !== null) known = null
    return reason
  }
  /** Null: nobody has looked yet. An earlier Larder may have left a table, also one that kept no files. */
  let isThere: boolean | null = null

  const clear = async (): Promise<void> => {
    if (nft === null || filter === null || isThere === false) return
    try {
      if (isThere === true || (await filter.note(table)) !== null || (await listTables(nft)).includes(table))
        await filter.put(table, null)
    } catch (error) {
      if (isThere === true) throw error
      // Who may not list tables has made none.
      log('debug', 'the packet filter could not be looked at', { error })
      return
    }
    isThere = false
  }

  return {
    async apply(guards) {
      if (guards.length === 0) return clear()
      const asked = guards.filter(({ optional }) => optional !== true)
      if (unenforced) {
        if (asked.length > 0) {
          log('warn', 'security groups are not enforced: LARDER_SECURITY_GROUPS=unenforced', {
            groups: asked.map(({ group }) => group),
          })
        }
        return clear()
      }
      const reason = await why()
      if (reason !== null && asked.length === 0) return clear()
      if (reason !== null || filter === null)
        throw new LarderError('machine', `security groups cannot be put in force: ${reason ?? 'nft is not there'}`, {
          retry: true,
        })
      isThere = true
      await filter.put(table, { text: guardText(table, guards, user), note: 'security groups' })
    },
    clear,
    whyUnguarded: async () => {
      const reason = unenforced ? null : await why()
      return reason === null
        ? null
        : `security groups cannot be put in force here: ${reason}. Mend it (larder doctor), or accept them without effect: LARDER_SECURITY_GROUPS=unenforced`
    },
  }
}

/** Reader endpoints that the kernel balances: rules outlive Larder, and cost only the first packet of a connection. */
import type { Endpoint } from '../model/group.ts'
import type { Balancer } from '../ports/balancer.ts'
import type { Log } from '../ports/log.ts'
import { noteOf, parseListing, parseNote, type ReaderRule, tableText } from './nftables-rules.ts'
import type { PacketFilter } from './packet-filter/packet-filter.ts'
import { runTool } from './tool.ts'

const deadlineMs = 10_000

const keyOf = ({ address, port }: Endpoint): string => `${address}:${port}`

export interface ReaderTable extends Omit<Balancer, 'setDiscovery' | 'setFronts'> {
  rules(): Promise<readonly ReaderRule[]>
}

/** Runs `nft` with text on its standard input: one transaction, all of it or nothing. */
export const applyRules = async (nft: readonly string[], text: string): Promise<void> => {
  await runTool([...nft, '-f', '-'], { input: text, deadlineMs })
}

export const listTables = async (nft: readonly string[]): Promise<readonly string[]> => {
  const listing = JSON.parse(await runTool([...nft, '-j', 'list', 'tables'], { deadlineMs })) as {
    readonly nftables?: readonly { readonly table?: { readonly family: string; readonly name: string } }[]
  }
  return (listing.nftables ?? []).flatMap(({ table }) => (table?.family === 'ip' ? [table.name] : []))
}

/** What an earlier Larder that kept no files left in the kernel. */
const readRules = async (nft: readonly string[], table: string): Promise<readonly ReaderRule[]> => {
  if (!(await listTables(nft)).includes(table)) return []
  return parseListing(await runTool([...nft, '-j', 'list', 'table', 'ip', table], { deadlineMs }))
}

interface ReaderTableOptions {
  readonly nft: readonly string[]
  /** Of one home; it exists only while it holds a rule. */
  readonly table: string
  readonly filter: PacketFilter
  readonly log: Log
}

/** Takes over what is in force, and puts it in force anew. Rejects with `machine` where an earlier Larder kept no file and nft does not list. */
export const openReaderTable = async ({ nft, table, filter, log }: ReaderTableOptions): Promise<ReaderTable> => {
  const note = await filter.note(table)
  const rules = (note === null ? null : parseNote(note)) ?? (await readRules(nft, table))
  const wanted = new Map(rules.map((rule) => [keyOf(rule.endpoint), rule]))
  let applied: readonly string[] = []
  const write = async (): Promise<void> => {
    const all = [...wanted.values()]
    await filter.put(table, all.length === 0 ? null : { text: tableText(table, all), note: noteOf(all) })
    applied = [...wanted.keys()]
  }
  // Larder does not fail to start for it: whoever watches over the tables tries again.
  if (wanted.size > 0) await write().catch((error: unknown) => log('warn', 'readers could not be put in force', { error }))
  return {
    setReader: (endpoint, backends) => {
      tableText(table, [{ endpoint, backends }]) // refuses a bad address before it stands between the others
      wanted.set(keyOf(endpoint), { endpoint, backends })
      return write()
    },
    remove: async (endpoint) => {
      if (wanted.delete(keyOf(endpoint))) await write()
    },
    list: async () => applied,
    rules: async () => [...wanted.values()],
    clear: async () => {
      wanted.clear()
      await write()
    },
  }
}

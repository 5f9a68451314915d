/** Reader endpoints that the kernel balances: rules outlive Larder, and cost only the first packet of a connection. */
import type { Endpoint } from '../model/group.ts'
import type { Balancer } from '../ports/balancer.ts'
import { coalesced } from './coalesce.ts'
import { parseListing, type ReaderRule, tableText } from './nftables-rules.ts'
import { runTool } from './tool.ts'

const deadlineMs = 10_000

const keyOf = ({ address, port }: Endpoint): string => `${address}:${port}`

export interface ReaderTable extends Omit<Balancer, 'setDiscovery' | 'setFronts'> {
  /** What the kernel has now. */
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

const readRules = async (nft: readonly string[], table: string): Promise<readonly ReaderRule[]> => {
  if (!(await listTables(nft)).includes(table)) return []
  return parseListing(await runTool([...nft, '-j', 'list', 'table', 'ip', table], { deadlineMs }))
}

/**
 * Takes over what is in force. `table` belongs to one home; it exists only while it holds a rule. The whole table is written on each
 * change, so that rules which somebody flushed come back with the next one. Rejects with `machine` when nft refuses.
 */
export const openReaderTable = async (nft: readonly string[], table: string): Promise<ReaderTable> => {
  const wanted = new Map((await readRules(nft, table)).map((rule) => [keyOf(rule.endpoint), rule]))
  const write = coalesced(() => applyRules(nft, tableText(table, [...wanted.values()])))
  return {
    setReader: (endpoint, backends) => {
      tableText(table, [{ endpoint, backends }]) // refuses a bad address before it stands between the others
      wanted.set(keyOf(endpoint), { endpoint, backends })
      return write()
    },
    remove: async (endpoint) => {
      if (wanted.delete(keyOf(endpoint))) await write()
    },
    list: async () => (await readRules(nft, table)).map((rule) => keyOf(rule.endpoint)),
    rules: () => readRules(nft, table),
    clear: async () => {
      wanted.clear()
      await write()
    },
  }
}

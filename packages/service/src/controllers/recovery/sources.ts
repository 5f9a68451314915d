/** What there still is of a state, wherever it is kept, and which of it is the newest. Looks only. */
import { LarderError } from '../../errors.ts'
import { isThere } from '../../home/files.ts'
import type { Home } from '../../home/home.ts'
import type { GroupState } from '../../model/group.ts'
import { addressKey, clusterKey, groupName, specKey, stateKey } from '../../model/keys.ts'
import type { AddressOwner, ClusterIndex } from '../../model/records.ts'
import type { Clock } from '../../ports/clock.ts'
import { type Copy, listCopies } from '../../store/copies.ts'
import { type JournalContent, readJournal } from '../../store/journal.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import { type GroupFile, type GroupFiles, readGroupFiles } from './group-files.ts'

/** All entries of one revision. */
export interface Snapshot {
  /** In words: `state.db`, `the journal`, `the copy of 2026-11-30`. */
  readonly name: string
  readonly kind: 'state' | 'journal' | 'copy' | 'nothing'
  readonly id: string
  readonly revision: number
  readonly entries: ReadonlyMap<string, string>
}

export interface Sources {
  /** Of this home; the newest one first. */
  readonly snapshots: readonly Snapshot[]
  /** Changes that can be read where the journal as a whole cannot; null: it can be, or there is none. */
  readonly fragments: JournalContent | null
  readonly groups: GroupFiles
  /** Of the state of this home; empty where nobody says it. */
  readonly id: string
  /** Sentences about what was found and cannot be used. */
  readonly unusable: readonly string[]
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const snapshotOfFile = async (
  path: string,
  name: string,
  kind: 'state' | 'copy',
  clock: Pick<Clock, 'now'>,
): Promise<Snapshot | string> => {
  try {
    const store = openSqliteStore(path, { clock, readOnly: true })
    try {
      const { entries } = await store.list('')
      return {
        name,
        kind,
        id: store.id,
        revision: store.revision,
        entries: new Map(entries.map(({ key, value }) => [key, value])),
      }
    } finally {
      await store.close()
    }
  } catch (error) {
    // On a full disk, or one that may only be read: the file may be whole, and would be moved out of the way for an older copy.
    if (kind === 'state' && error instanceof LarderError && error.code === 'store-failed') throw error
    return `${name} cannot be used: ${messageOf(error)}`
  }
}

const copyName = ({ kind, label }: Copy): string =>
  kind === 'day' ? `the copy of ${label}` : `the copy from before ${label} was replaced`

const snapshotOfJournal = (journal: JournalContent): Snapshot => ({
  name: 'the journal',
  kind: 'journal',
  id: journal.store,
  revision: journal.revision,
  entries: new Map(
    [...journal.entries].flatMap(([key, { value }]): [string, string][] => (value === null ? [] : [[key, value]])),
  ),
})

const mostFrequent = (values: readonly string[]): string | null => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, left], [, right]) => right - left)[0]?.[0] ?? null
}

export const findSources = async (home: Home, clock: Pick<Clock, 'now'>): Promise<Sources> => {
  const unusable: string[] = []
  const found: Snapshot[] = []
  const take = (result: Snapshot | string): void => {
    if (typeof result === 'string') unusable.push(result)
    else found.push(result)
  }
  if (isThere(home.stateFile)) take(await snapshotOfFile(home.stateFile, 'state.db', 'state', clock))
  for (const copy of listCopies(home.copiesFolder)) take(await snapshotOfFile(copy.path, copyName(copy), 'copy', clock))
  const journal = readJournal(home.copiesFolder)
  const isClean = journal?.whole === true && journal.damaged === 0
  if (isClean) found.push(snapshotOfJournal(journal))
  else if (journal !== null)
    unusable.push(
      `the journal is not whole (${journal.damaged} lines cannot be read): what can be read of it is laid over the newest copy`,
    )
  const groups = readGroupFiles(home.nodesFolder)
  for (const path of groups.damaged) unusable.push(`${path} does not say what its group is: it is damaged`)
  const copied = found.find(({ kind, id }) => kind === 'copy' && id !== '')?.id
  const id =
    journal?.store ??
    copied ??
    mostFrequent(groups.files.map(({ store }) => store)) ??
    found.find((each) => each.id !== '')?.id ??
    ''
  const own = found.filter((each) => each.id === id || each.id === '' || id === '')
  for (const other of found.filter((each) => !own.includes(each))) unusable.push(`${other.name} is of another state`)
  return {
    snapshots: own.toSorted((left, right) => right.revision - left.revision || rank[left.kind] - rank[right.kind]),
    fragments: isClean ? null : journal,
    groups: { ...groups, files: groups.files.filter(({ store }) => store === id) },
    id,
    unusable,
  }
}

/** Of the same revision. */
const rank: Readonly<Record<Snapshot['kind'], number>> = { state: 0, journal: 1, copy: 2, nothing: 3 }

/** A group's records as its file has them, in place of those that there are. */
export const withGroup = (entries: ReadonlyMap<string, string>, file: GroupFile): Map<string, string> => {
  const { spec, state } = file
  const merged = withoutGroup(entries, groupName(spec), specKey(spec), stateKey(spec))
  merged.set(specKey(spec), JSON.stringify(spec))
  for (const [id, index] of Object.entries(file.clusters)) merged.set(clusterKey(spec.region, id), JSON.stringify(index))
  if (state === null) return merged
  merged.set(stateKey(spec), JSON.stringify(state))
  for (const [address, owner] of addressesOf(state)) merged.set(addressKey(address), JSON.stringify(owner))
  return merged
}

const addressesOf = (state: GroupState): readonly (readonly [address: string, owner: AddressOwner])[] => {
  const group = groupName(state)
  const endpoints = { primary: state.primaryEndpoint, reader: state.readerEndpoint, configuration: state.configurationEndpoint }
  return [
    ...Object.values(state.nodes).map((node) => [node.address, { group, use: node.id }] as const),
    ...Object.entries(endpoints).flatMap(([use, endpoint]) =>
      endpoint === null ? [] : [[endpoint.address, { group, use }] as const],
    ),
  ]
}

/** All but what belongs to this group alone. */
export const withoutGroup = (
  entries: ReadonlyMap<string, string>,
  name: string,
  ...keys: readonly string[]
): Map<string, string> => {
  const [region = '', space = '', id = ''] = name.split('/')
  const belongs = (key: string, value: string): boolean => {
    if (keys.includes(key)) return true
    if (key.startsWith('address/')) return (JSON.parse(value) as AddressOwner).group === name
    if (!key.startsWith(`cluster/${region}/`)) return false
    const index = JSON.parse(value) as ClusterIndex
    return index.space === space && index.id === id
  }
  return new Map([...entries].filter(([key, value]) => !belongs(key, value)))
}

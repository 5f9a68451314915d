/** In which availability zone each node stands: pure. A zone is named `us-east-1a`. */

/** How many nodes a zone has already, for ties. A zone that is not named has none. */
export type ZoneLoad = Readonly<Record<string, number>>

export interface ShardWish {
  readonly nodes: number
  /** The zone that was asked for each node, the primary first; undefined: any. May be shorter than `nodes`. */
  readonly wanted: readonly (string | undefined)[]
}

const count = (zones: readonly string[], zone: string): number => zones.filter((each) => each === zone).length

/** The first of the zones with the smallest ranks; a later rank decides only where the earlier ones are equal. */
const least = (zones: readonly string[], ...ranks: readonly ((zone: string) => number)[]): string => {
  const [first, ...others] = zones
  if (first === undefined) throw new TypeError('expected at least one zone to place a node in, found none')
  const better = (a: string, b: string): boolean => {
    const rank = ranks.find((candidate) => candidate(a) !== candidate(b))
    return rank !== undefined && rank(a) < rank(b)
  }
  return others.reduce((best, zone) => (better(zone, best) ? zone : best), first)
}

/**
 * Zones for nodes that join a shard: no two nodes in one zone while another has none, and never a zone twice ahead of another.
 * `present` are the zones of the nodes that are there. Throws `TypeError` where `zones` is empty.
 */
export const placeNodes = (
  zones: readonly string[],
  load: ZoneLoad,
  present: readonly string[],
  wanted: readonly (string | undefined)[],
): readonly string[] => {
  const placed: string[] = []
  for (const wish of wanted) {
    const together = [...present, ...placed]
    placed.push(
      wish ??
        least(
          zones,
          (zone) => count(together, zone),
          (zone) => (load[zone] ?? 0) + count(placed, zone),
        ),
    )
  }
  return placed
}

/**
 * Zones for all nodes of new shards, in the order of the shards. Within a shard as `placeNodes`; the first nodes of the shards, which
 * are the first primaries, are spread over the zones too, so that the loss of a zone takes as few of them as possible.
 */
export const placeShards = (
  zones: readonly string[],
  load: ZoneLoad,
  shards: readonly ShardWish[],
): readonly (readonly string[])[] => {
  const primaries: string[] = []
  const all: string[] = []
  return shards.map(({ nodes, wanted }) => {
    const busy = (zone: string): number => (load[zone] ?? 0) + count(all, zone)
    const first = wanted[0] ?? least(zones, (zone) => count(primaries, zone), busy)
    primaries.push(first)
    const totals = Object.fromEntries(zones.map((zone) => [zone, busy(zone)]))
    const others = Array.from({ length: nodes - 1 }, (_, index) => wanted[index + 1])
    const placed = [first, ...placeNodes(zones, totals, [first], others)]
    all.push(...placed)
    return placed
  })
}

export interface PlacedNode {
  readonly id: string
  readonly zone: string
}

/**
 * Which nodes leave a shard: one after the other from the zone that has most of them, there the last in the list. Nodes in `staying`
 * (the primary) never leave. Returns ids; fewer than `leaving` only where no more may go.
 */
export const chooseLeaving = (nodes: readonly PlacedNode[], staying: ReadonlySet<string>, leaving: number): readonly string[] => {
  let left = nodes
  const gone: string[] = []
  while (gone.length < leaving) {
    const crowd = (node: PlacedNode): number => left.filter((other) => other.zone === node.zone).length
    const next = left
      .filter((node) => !staying.has(node.id))
      .reduce<PlacedNode | null>((best, node) => (best === null || crowd(node) >= crowd(best) ? node : best), null)
    if (next === null) return gone
    left = left.filter((node) => node !== next)
    gone.push(next.id)
  }
  return gone
}

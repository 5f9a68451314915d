/**
 * Node types. Sources: AWS's page of supported node types and prices (memory, vCPUs) and its table of node-type-specific parameters
 * (`maxmemory`, in bytes).
 */
export type NodeFamily = 't2' | 't3' | 't4g' | 'm4' | 'm5' | 'm6g' | 'm7g' | 'r4' | 'r5' | 'r6g' | 'r7g'

export interface NodeType {
  /** `cache.t4g.small` */
  readonly name: string
  readonly family: NodeFamily
  /** Memory for the cache, in bytes. */
  readonly memoryBytes: number
  /** AWS's value of the parameter `maxmemory` for this type, in bytes. */
  readonly maxmemory: number
  readonly cpus: number
  readonly memcachedThreads: number
  /** Threads for reading and writing, the main thread included; AWS uses them from 4 processors on. */
  readonly ioThreads: number
  readonly currentGeneration: boolean
}

type Row = readonly [size: string, cpus: number, gibibytes: number, maxmemory: number]

const burstable: readonly Row[] = [
  ['micro', 2, 0.5, 536_870_912],
  ['small', 2, 1.37, 1_471_026_299],
  ['medium', 2, 3.09, 3_317_862_236],
]
const generalGraviton: readonly Row[] = [
  ['large', 2, 6.38, 6_854_542_746],
  ['xlarge', 4, 12.93, 13_891_921_715],
  ['2xlarge', 8, 26.04, 27_966_669_210],
  ['4xlarge', 16, 52.26, 56_116_178_125],
  ['8xlarge', 32, 103.68, 111_325_552_312],
  ['12xlarge', 48, 157.12, 168_715_971_994],
  ['16xlarge', 64, 209.55, 225_000_375_228],
]
const memoryGraviton: readonly Row[] = [
  ['large', 2, 13.07, 14_037_181_030],
  ['xlarge', 4, 26.32, 28_261_849_702],
  ['2xlarge', 8, 52.82, 56_711_183_565],
  ['4xlarge', 16, 105.81, 113_609_865_216],
  ['8xlarge', 32, 209.55, 225_000_375_228],
  ['12xlarge', 48, 317.77, 341_206_346_547],
  ['16xlarge', 64, 419.09, 450_000_750_456],
]

const table: Readonly<Record<NodeFamily, readonly Row[]>> = {
  t2: [
    ['micro', 1, 0.555, 581_959_680],
    ['small', 1, 1.55, 1_665_138_688],
    ['medium', 2, 3.22, 3_461_349_376],
  ],
  t3: burstable,
  t4g: burstable,
  m4: [
    ['large', 2, 6.42, 6_892_593_152],
    ['xlarge', 4, 14.28, 15_328_501_760],
    ['2xlarge', 8, 29.7, 31_889_126_359],
    ['4xlarge', 16, 60.78, 65_257_290_629],
    ['10xlarge', 40, 154.64, 166_047_614_239],
  ],
  m5: [
    ['large', 2, 6.38, 6_854_542_746],
    ['xlarge', 4, 12.93, 13_891_921_715],
    ['2xlarge', 8, 26.04, 27_966_669_210],
    ['4xlarge', 16, 52.26, 56_116_178_125],
    ['12xlarge', 48, 157.12, 168_715_971_994],
    ['24xlarge', 96, 314.32, 337_500_562_842],
  ],
  m6g: generalGraviton,
  m7g: generalGraviton,
  r4: [
    ['large', 2, 12.3, 13_201_781_556],
    ['xlarge', 4, 25.05, 26_898_228_839],
    ['2xlarge', 8, 50.47, 54_197_537_997],
    ['4xlarge', 16, 101.38, 108_858_546_586],
    ['8xlarge', 32, 203.26, 218_255_432_090],
    ['16xlarge', 64, 407, 437_021_573_120],
  ],
  r5: [
    ['large', 2, 13.07, 14_037_181_030],
    ['xlarge', 4, 26.32, 28_261_849_702],
    ['2xlarge', 8, 52.82, 56_711_183_565],
    ['4xlarge', 16, 105.81, 113_609_865_216],
    ['12xlarge', 48, 317.77, 341_206_346_547],
    ['24xlarge', 96, 635.61, 682_485_973_811],
  ],
  r6g: memoryGraviton,
  r7g: memoryGraviton,
}

const previousGenerations: ReadonlySet<NodeFamily> = new Set<NodeFamily>(['t2', 'm4', 'r4'])
const gibibyte = 1024 ** 3
const mostIoThreads = 8

const ioThreadsFor = (cpus: number): number => (cpus < 4 ? 1 : Math.min(mostIoThreads, Math.floor((cpus * 3) / 4)))

export const allNodeTypes: readonly NodeType[] = (Object.keys(table) as NodeFamily[]).flatMap((family) =>
  table[family].map(
    ([size, cpus, gibibytes, maxmemory]): NodeType => ({
      name: `cache.${family}.${size}`,
      family,
      memoryBytes: Math.round(gibibytes * gibibyte),
      maxmemory,
      cpus,
      memcachedThreads: cpus,
      ioThreads: ioThreadsFor(cpus),
      currentGeneration: !previousGenerations.has(family),
    }),
  ),
)

const byName = new Map(allNodeTypes.map((type) => [type.name, type]))

export const nodeType = (name: string): NodeType | null => byName.get(name) ?? null

/** What a node can be scaled to: larger types, and smaller ones that still hold what is used. Sorted by name, as AWS answers. */
export const scalingTargets = (
  name: string,
  usedBytes: number,
): { readonly up: readonly string[]; readonly down: readonly string[] } => {
  const current = nodeType(name)
  if (current === null) return { up: [], down: [] }
  const others = allNodeTypes.filter((type) => type.name !== name && type.currentGeneration)
  const names = (types: readonly NodeType[]): readonly string[] => types.map((type) => type.name).sort()
  return {
    up: names(others.filter((type) => type.maxmemory > current.maxmemory)),
    down: names(others.filter((type) => type.maxmemory < current.maxmemory && type.maxmemory > usedBytes)),
  }
}

/**
 * Node types. Sources: AWS's page of supported node types and prices (memory, vCPUs) and its tables of node-type-specific parameters
 * (`maxmemory` in bytes, `max_cache_memory` in megabytes; of the latter, two figures that are plainly slips are set right: t3.medium
 * and c7gn.12xlarge have what the same memory has elsewhere).
 */
export type NodeFamily =
  | 't1'
  | 'm1'
  | 'm2'
  | 'm3'
  | 'c1'
  | 'r3'
  | 't2'
  | 't3'
  | 't4g'
  | 'm4'
  | 'm5'
  | 'm6g'
  | 'm7g'
  | 'm8g'
  | 'r4'
  | 'r5'
  | 'r6g'
  | 'r6gd'
  | 'r7g'
  | 'r8g'
  | 'c7gn'
  | 'c8gn'

export interface NodeType {
  /** `cache.t4g.small` */
  readonly name: string
  readonly family: NodeFamily
  /** Memory for the cache, in bytes. */
  readonly memoryBytes: number
  /** AWS's value of the parameter `maxmemory` for this type, in bytes. */
  readonly maxmemory: number
  /** AWS's value of Memcached's parameter `max_cache_memory`, in megabytes. */
  readonly memcachedMegabytes: number
  /** Clients that a node of this type takes at most. */
  readonly maxClients: number
  /** Output buffer of a replica at most, in bytes. */
  readonly replicaBuffer: number
  readonly cpus: number
  readonly memcachedThreads: number
  /** Threads for reading and writing, the main thread included; AWS uses them from 4 processors on. */
  readonly ioThreads: number
  readonly currentGeneration: boolean
}

type Row = readonly [size: string, cpus: number, gibibytes: number, maxmemory: number, memcachedMegabytes: number]

const burstable: readonly Row[] = [
  ['micro', 2, 0.5, 536_870_912, 512],
  ['small', 2, 1.37, 1_471_026_299, 1_402],
  ['medium', 2, 3.09, 3_317_862_236, 3_164],
]
const generalGraviton: readonly Row[] = [
  ['large', 2, 6.38, 6_854_542_746, 6_537],
  ['xlarge', 4, 12.93, 13_891_921_715, 13_248],
  ['2xlarge', 8, 26.04, 27_966_669_210, 26_671],
  ['4xlarge', 16, 52.26, 56_116_178_125, 53_516],
  ['8xlarge', 32, 103.68, 111_325_552_312, 107_000],
  ['12xlarge', 48, 157.12, 168_715_971_994, 160_900],
  ['16xlarge', 64, 209.55, 225_000_375_228, 214_577],
]
const memoryGraviton: readonly Row[] = [
  ['large', 2, 13.07, 14_037_181_030, 13_387],
  ['xlarge', 4, 26.32, 28_261_849_702, 26_953],
  ['2xlarge', 8, 52.82, 56_711_183_565, 54_084],
  ['4xlarge', 16, 105.81, 113_609_865_216, 108_347],
  ['8xlarge', 32, 209.55, 225_000_375_228, 214_577],
  ['12xlarge', 48, 317.77, 341_206_346_547, 325_400],
  ['16xlarge', 64, 419.09, 450_000_750_456, 429_154],
]

const table: Readonly<Record<NodeFamily, readonly Row[]>> = {
  t1: [['micro', 1, 0.213, 142_606_336, 213]],
  m1: [
    ['small', 1, 1.3, 943_718_400, 1_300],
    ['medium', 1, 3.35, 3_093_299_200, 3_350],
    ['large', 2, 7.1, 7_025_459_200, 7_100],
    ['xlarge', 4, 14.6, 14_889_779_200, 14_600],
  ],
  m2: [
    ['xlarge', 2, 16.7, 17_091_788_800, 16_700],
    ['2xlarge', 4, 33.8, 35_022_438_400, 33_800],
    ['4xlarge', 8, 68, 70_883_737_600, 68_000],
  ],
  m3: [
    ['medium', 1, 2.78, 2_988_441_600, 2_850],
    ['large', 2, 6.05, 6_501_171_200, 6_200],
    ['xlarge', 4, 13.3, 14_260_633_600, 13_600],
    ['2xlarge', 8, 27.9, 29_989_273_600, 28_600],
  ],
  c1: [['xlarge', 8, 6.6, 6_501_171_200, 6_600]],
  r3: [
    ['large', 2, 13.5, 14_470_348_800, 13_800],
    ['xlarge', 4, 28.4, 30_513_561_600, 29_100],
    ['2xlarge', 8, 58.2, 62_495_129_600, 59_600],
    ['4xlarge', 16, 118, 126_458_265_600, 120_600],
    ['8xlarge', 32, 237, 254_384_537_600, 242_600],
  ],
  t2: [
    ['micro', 1, 0.555, 581_959_680, 555],
    ['small', 1, 1.55, 1_665_138_688, 1_588],
    ['medium', 2, 3.22, 3_461_349_376, 3_301],
  ],
  t3: burstable,
  t4g: burstable,
  m4: [
    ['large', 2, 6.42, 6_892_593_152, 6_573],
    ['xlarge', 4, 14.28, 15_328_501_760, 11_496],
    ['2xlarge', 8, 29.7, 31_889_126_359, 30_412],
    ['4xlarge', 16, 60.78, 65_257_290_629, 62_234],
    ['10xlarge', 40, 154.64, 166_047_614_239, 158_355],
  ],
  m5: [
    ['large', 2, 6.38, 6_854_542_746, 6_537],
    ['xlarge', 4, 12.93, 13_891_921_715, 13_248],
    ['2xlarge', 8, 26.04, 27_966_669_210, 26_671],
    ['4xlarge', 16, 52.26, 56_116_178_125, 53_516],
    ['12xlarge', 48, 157.12, 168_715_971_994, 160_900],
    ['24xlarge', 96, 314.32, 337_500_562_842, 321_865],
  ],
  m6g: generalGraviton,
  m7g: generalGraviton,
  m8g: [
    ['large', 2, 6.79, 7_294_178_820, 6_956],
    ['xlarge', 4, 14.18, 15_222_495_510, 14_517],
    ['2xlarge', 8, 29.68, 31_866_224_640, 30_390],
    ['4xlarge', 16, 61.33, 65_856_864_256, 62_806],
    ['8xlarge', 32, 124.65, 133_838_143_488, 127_638],
    ['12xlarge', 48, 187.96, 201_819_422_720, 192_470],
    ['16xlarge', 64, 251.27, 269_800_701_952, 257_302],
  ],
  r4: [
    ['large', 2, 12.3, 13_201_781_556, 12_590],
    ['xlarge', 4, 25.05, 26_898_228_839, 25_652],
    ['2xlarge', 8, 50.47, 54_197_537_997, 51_686],
    ['4xlarge', 16, 101.38, 108_858_546_586, 103_815],
    ['8xlarge', 32, 203.26, 218_255_432_090, 208_144],
    ['16xlarge', 64, 407, 437_021_573_120, 416_776],
  ],
  r5: [
    ['large', 2, 13.07, 14_037_181_030, 13_387],
    ['xlarge', 4, 26.32, 28_261_849_702, 26_953],
    ['2xlarge', 8, 52.82, 56_711_183_565, 54_084],
    ['4xlarge', 16, 105.81, 113_609_865_216, 108_347],
    ['12xlarge', 48, 317.77, 341_206_346_547, 325_400],
    ['24xlarge', 96, 635.61, 682_485_973_811, 650_869],
  ],
  r6g: memoryGraviton,
  // With an SSD beside the memory, which is that of r6g.
  r6gd: memoryGraviton.filter(([size]) => size !== 'large'),
  r7g: memoryGraviton,
  r8g: [
    ['large', 2, 14.18, 15_222_495_510, 14_517],
    ['xlarge', 4, 29.68, 31_866_224_640, 30_390],
    ['2xlarge', 8, 61.33, 65_856_864_256, 62_806],
    ['4xlarge', 16, 124.65, 133_838_143_488, 127_638],
    ['8xlarge', 32, 251.27, 269_800_701_952, 257_302],
    ['12xlarge', 48, 377.9, 405_763_260_416, 386_966],
    ['16xlarge', 64, 504.52, 541_725_818_880, 516_630],
  ],
  c7gn: [
    ['large', 2, 3.09, 3_317_862_236, 3_164],
    ['xlarge', 4, 6.38, 6_854_542_746, 6_537],
    ['2xlarge', 8, 12.94, 13_891_921_715, 13_248],
    ['4xlarge', 16, 26.05, 27_966_669_210, 26_671],
    ['8xlarge', 32, 52.26, 56_116_178_125, 53_516],
    ['12xlarge', 48, 78.56, 84_357_985_997, 80_450],
    ['16xlarge', 64, 105.81, 113_609_865_216, 108_347],
  ],
  c8gn: [
    ['large', 2, 3.1, 3_330_020_474, 3_176],
    ['xlarge', 4, 6.79, 7_294_178_820, 6_956],
    ['2xlarge', 8, 14.18, 15_222_495_510, 14_517],
    ['4xlarge', 16, 29.68, 31_866_224_640, 30_390],
    ['8xlarge', 32, 61.33, 65_856_864_256, 62_806],
    ['12xlarge', 48, 92.99, 99_847_503_872, 95_222],
    ['16xlarge', 64, 124.65, 133_838_143_488, 127_638],
  ],
}

/** Groups of them stand on AWS; nothing is scaled to them. */
const oldest: ReadonlySet<NodeFamily> = new Set<NodeFamily>(['t1', 'm1', 'm2', 'm3', 'c1', 'r3'])
const previousGenerations: ReadonlySet<NodeFamily> = new Set<NodeFamily>([...oldest, 't2', 'm4', 'r4'])
/** The others take 65,000. */
const clientsOf: ReadonlyMap<string, number> = new Map([
  ['t2.micro', 20_000],
  ['t2.small', 20_000],
  ['t2.medium', 20_000],
  ['t3.micro', 20_000],
  ['t3.small', 46_000],
  ['t3.medium', 46_000],
  ['t4g.micro', 20_000],
])
const roundedDown: ReadonlySet<NodeFamily> = new Set<NodeFamily>(['t1', 't2', 't3', 't4g', 'r4'])

/** A tenth of the memory, rounded as AWS's figures are: in some families down, in the others to the nearest, a half to the even one. */
const tenth = (bytes: number, family: NodeFamily): number => {
  const whole = Math.floor(bytes / 10)
  const rest = bytes % 10
  if (roundedDown.has(family) || rest < 5) return whole
  return rest > 5 ? whole + 1 : whole + (whole % 2)
}

/** AWS's figures for the output buffer of a replica where they are not a tenth of the memory. */
const replicaBuffers: ReadonlyMap<string, number> = new Map([
  ['m3.medium', 309_329_920],
  ['r3.large', 1_468_006_400],
  ['r3.xlarge', 3_040_870_400],
  ['r3.2xlarge', 6_081_740_800],
  ['r3.4xlarge', 12_268_339_200],
  ['r3.8xlarge', 24_536_678_400],
])

const gibibyte = 1024 ** 3
const mostIoThreads = 8

const ioThreadsFor = (cpus: number): number => (cpus < 4 ? 1 : Math.min(mostIoThreads, Math.floor((cpus * 3) / 4)))

export const allNodeTypes: readonly NodeType[] = (Object.keys(table) as NodeFamily[]).flatMap((family) =>
  table[family].map(
    ([size, cpus, gibibytes, maxmemory, memcachedMegabytes]): NodeType => ({
      name: `cache.${family}.${size}`,
      family,
      memoryBytes: Math.round(gibibytes * gibibyte),
      maxmemory,
      memcachedMegabytes,
      maxClients: clientsOf.get(`${family}.${size}`) ?? 65_000,
      replicaBuffer: replicaBuffers.get(`${family}.${size}`) ?? tenth(maxmemory, family),
      cpus,
      memcachedThreads: cpus,
      ioThreads: ioThreadsFor(cpus),
      currentGeneration: !previousGenerations.has(family),
    }),
  ),
)

const byName = new Map(allNodeTypes.map((type) => [type.name, type]))

export const nodeType = (name: string): NodeType | null => byName.get(name) ?? null

/** Data that are tiered stay so: AWS scales r6gd to r6gd, and nothing else to it. */
export const isTiered = ({ family }: Pick<NodeType, 'family'>): boolean => family === 'r6gd'

/**
 * What a node can be scaled to, sorted by name as AWS answers: up to the larger types of the current generations, down to every smaller
 * one that holds what is used, of all generations but the oldest.
 */
export const scalingTargets = (
  name: string,
  usedBytes: number,
): { readonly up: readonly string[]; readonly down: readonly string[] } => {
  const current = nodeType(name)
  if (current === null) return { up: [], down: [] }
  const named = (fits: (type: NodeType) => boolean): readonly string[] =>
    allNodeTypes
      .filter((type) => !oldest.has(type.family) && isTiered(type) === isTiered(current) && fits(type))
      .map((type) => type.name)
      .sort()
  return {
    up: named((type) => type.currentGeneration && type.maxmemory > current.maxmemory),
    down: named((type) => type.maxmemory < current.maxmemory && type.maxmemory > usedBytes),
  }
}

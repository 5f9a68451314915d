import type { Decision } from '../../decide/actions.ts'
import type { GroupInput } from '../../decide/input.ts'
import type { Block } from '../../model/addresses.ts'
import type { EngineName, GroupKey } from '../../model/group.ts'
import type { Balancer } from '../../ports/balancer.ts'
import type { Catalog, InstalledEngine } from '../../ports/catalog.ts'
import type { Certificates } from '../../ports/certificates.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ControlSecrets, EngineAdapter } from '../../ports/engine.ts'
import type { Host } from '../../ports/host.ts'
import type { Log } from '../../ports/log.ts'
import type { LoginSettings } from '../../ports/logins.ts'
import type { Store } from '../../ports/store.ts'
import type { Sealer } from '../../security/seal.ts'
import type { Guarding } from '../firewall/firewall.ts'
import type { Connections } from './connections.ts'
import type { Health } from './health.ts'

export interface NodePlace {
  readonly folder: string
  readonly socket: string
  /** Part of the command line of the node's process, and of no other process. */
  readonly tag: string
}

/** Everything that the controllers of groups need from outside. */
export interface GroupContext {
  /** `decideGroup`; tests of the tests put a wrong one in. */
  readonly decide: (input: GroupInput) => Decision
  readonly store: Store
  readonly host: Host
  readonly catalog: Catalog
  readonly certificates: Certificates
  /** How nodes of this engine ask about tokens of IAM; null: they cannot. */
  readonly logins: (engine: InstalledEngine) => LoginSettings | null
  /** The library by which nodes of this Memcached answer discovery; null: they do not. */
  readonly discoveryModule: (engine: InstalledEngine) => string | null
  readonly balancer: Balancer
  readonly guarding: Guarding
  readonly clock: Clock
  readonly log: Log
  readonly block: Block
  readonly machine: {
    /** As it calls itself. */
    readonly name: string
    readonly processors: number
    /** `root` where the service runs as root; else null. */
    readonly user: string | null
    /** Most files that a process may open; null: not known. */
    readonly openFiles: number | null
  }
  readonly secrets: ControlSecrets
  readonly sealer: Sealer
  readonly adapter: (engine: EngineName) => EngineAdapter
  readonly place: (region: string, nodeId: string) => NodePlace
  readonly connections: Connections
  /** Set by the manager, which knows all nodes. */
  readonly health: Pick<Health, 'isHung' | 'whenHung'>
  /** One allocation at a time: two groups would choose the same free address. */
  readonly allocating: (work: () => Promise<void>) => Promise<void>
  /** 40 hexadecimal digits, random: the name of a node in its cluster. */
  readonly newClusterNodeId: () => string
  /** Eight hexadecimal digits, random. */
  readonly unique: () => string
  /** Folders of nodes that are on disk, whether a record knows them or not. */
  readonly nodeFolders: () => Promise<readonly string[]>
  /** Moves a folder that no record knows out of the way, and says where it is now. */
  readonly setAside: (folder: string) => Promise<string>
  /** Looks at what a node left on disk. */
  readonly readPersisted: (folder: string, appendOnly: boolean) => Promise<import('../../decide/observed.ts').PersistedData>
  /** Closes holes in an append-only file that an engine left in this folder; resolves with how many there were. */
  readonly closeHoles: (folder: string) => Promise<number>
  /** Told after each step that changed something (progress on a terminal). */
  readonly onProgress: (key: GroupKey, text: string) => void
}

import type { HomeVolume } from '../model/without-effect.ts'
import type { Report } from '../observe/report.ts'
import type { Catalog } from '../ports/catalog.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import type { Sealer } from '../security/seal.ts'

/** What an action may use. It reads and writes the store and returns; controllers do the rest. */
export interface ActionContext {
  /** From the credential scope of the signature. Each region is a name space of its own. */
  readonly region: string
  /** Twelve digits. */
  readonly account: string
  readonly store: Store
  readonly catalog: Catalog
  /** Only versions that are installed can be asked for (`LARDER_VERSIONS=exact`). Left out: all of AWS's. */
  readonly exactVersions?: boolean
  readonly clock: Clock
  readonly sealer: Sealer
  /** Why users cannot log in by IAM to engines of this version (null: of any), or null where they can. Left out: they cannot. */
  readonly whyNoIam?: (engine: 'valkey' | 'redis', version: string | null) => string | null
  /** Why security groups cannot be put in force here; null where they can, or where this home takes them without. Left out: they can. */
  readonly whyUnguarded?: () => Promise<string | null>
  /** Resolves when rules that were written before are in force: who is told that a rule is there, or gone, may rely on it. Left out: at once. */
  readonly enforced?: () => Promise<void>
  /** Whether subnet groups may name subnets that nobody made here, such as those of another emulator. Left out: they may. */
  readonly unknownSubnets?: 'taken' | 'refused'
  /** What to do with settings that have no effect yet. Left out: they are taken, and nobody looked at the volume. */
  readonly unsupported?: { readonly refused: boolean; readonly volume: HomeVolume }
  /** How everything is that runs here, in every region. Left out: nobody can tell. */
  readonly report?: () => Promise<Report>
}

/**
 * One operation of the API. Input and output have the shapes of the SDK (`CreateCacheClusterCommandInput` and so on), decoded and
 * encoded by the schema. Wrong requests throw a `Fault` and change nothing.
 */
export type Action<Input, Output> = (input: Input, context: ActionContext) => Promise<Output>

/**
 * The engine versions that can be asked for on AWS, as DescribeCacheEngineVersions lists them there. From AWS's pages "Supported engines and versions"
 * and the examples of its command line (November 2026); patches that nobody has published are the first of their kind.
 */
import type { EngineName } from './group.ts'

export interface AwsVersion {
  readonly engine: EngineName
  /** As it is listed: since Redis OSS 6 and for Valkey without the patch. */
  readonly version: string
  /** Whole versions behind it, the newest first: what DescribeCacheClusters answers. */
  readonly whole: readonly string[]
  /** A version that the open-source engine never had: AWS calls it compatible with this one. */
  readonly like?: string
}

const plain = (engine: EngineName, versions: string): readonly AwsVersion[] =>
  versions.split(' ').map((version) => ({ engine, version, whole: [version] }))

export const awsVersions: readonly AwsVersion[] = [
  ...plain('memcached', '1.4.5 1.4.14 1.4.24 1.4.33 1.4.34 1.5.10 1.5.16 1.6.6 1.6.12 1.6.17 1.6.22'),
  ...plain('redis', '2.6.13 2.8.6 2.8.19 2.8.21 2.8.22 2.8.23 2.8.24 3.2.4 3.2.6 3.2.10 4.0.10 5.0.0 5.0.3 5.0.4 5.0.5 5.0.6'),
  { engine: 'redis', version: '6.0', whole: ['6.0.5'] },
  { engine: 'redis', version: '6.2', whole: ['6.2.6', '6.2.5'] },
  { engine: 'redis', version: '7.0', whole: ['7.0.7', '7.0.5', '7.0.4'] },
  { engine: 'redis', version: '7.1', whole: ['7.1.0'], like: '7.0' },
  { engine: 'valkey', version: '7.2', whole: ['7.2.6'] },
  { engine: 'valkey', version: '8.0', whole: ['8.0.1'] },
  { engine: 'valkey', version: '8.1', whole: ['8.1.0'] },
  { engine: 'valkey', version: '8.2', whole: ['8.2.0'], like: '8.1' },
  { engine: 'valkey', version: '9.0', whole: ['9.0.0'] },
  { engine: 'valkey', version: '9.1', whole: ['9.1.0'] },
]

/** What a request without EngineVersion gets. */
export const awsDefaults: Readonly<Record<EngineName, string>> = { memcached: '1.6.22', redis: '7.1', valkey: '9.1' }

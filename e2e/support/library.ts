/** What an application would be given: keys of the API, and where its group is. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AwsKeys, type Found, findReplicationGroup } from '../../packages/client/src/index.ts'
import type { TestService } from './service.ts'

export const keysOf = async (service: TestService): Promise<AwsKeys> =>
  JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as AwsKeys

export const whereIs = (service: TestService, replicationGroupId: string): Promise<Found> =>
  findReplicationGroup({ replicationGroupId, endpoint: service.url(), region: 'us-east-1', keys: () => keysOf(service) })

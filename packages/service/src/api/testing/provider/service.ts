/** A service in memory for whole sequences of calls: the real dispatch, actions and controllers on a machine without a machine. */
import type { ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { engineCapabilities } from '../../../model/engine-versions.ts'
import type { Certificates } from '../../../ports/certificates.ts'
import { createMemoryStore } from '../../../store/memory.ts'
import { createFakeWorld } from '../../../testing/fake-world.ts'
import { noCertificates, realClock, region, startManager } from '../../../testing/fixtures.ts'
import type { ActionContext } from '../../action.ts'
import { answerEc2 } from '../../services/ec2/answer.ts'
import { actions } from '../../services/elasticache/index.ts'
import { account, clientOf, unaudited, verifierAt } from '../../testing.ts'

const yearMs = 365 * 86_400_000

/** The machine in memory speaks no TLS; its certificates are of this moment, so that none has to be renewed. */
const yearLong: Certificates = {
  ...noCertificates,
  issue: () => {
    const issuedAt = realClock.now()
    return { certificate: '', key: '', authority: '', issuedAt, endsAt: issuedAt + yearMs }
  },
}

export interface ProviderService {
  readonly client: ElastiCacheClient
  /** A security group that lets nobody in; its id. */
  securityGroup(name: string): Promise<string>
  /** Ids of the subnets of a VPC of its own, made by the calls of EC2, in three zones. */
  vpcSubnets(): Promise<readonly string[]>
  stop(): Promise<void>
}

const elementsOf = (answer: string, element: string): readonly string[] =>
  [...answer.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map((match) => match[1] ?? '')

export const startProviderService = async (): Promise<ProviderService> => {
  const store = createMemoryStore()
  const world = createFakeWorld()
  const manager = startManager(store, world, undefined, undefined, undefined, yearLong)
  await manager.start()
  const context: ActionContext = {
    region,
    account,
    store,
    catalog: world.catalog,
    clock: realClock,
    sealer: unaudited.sealer,
    whyNoIam: (engine, version) =>
      version === null || engineCapabilities(engine, version).authCallbacks
        ? null
        : `${engine} ${version} has no interface for it`,
  }
  const ec2 = (action: string, input: Readonly<Record<string, string>>): Promise<string> =>
    answerEc2(action, new Map(Object.entries(input)), context, 'id')
  return {
    client: clientOf({
      verifier: verifierAt(realClock.now),
      actions,
      context: (caller) => ({ ...context, region: caller.region, account: caller.account }),
      log: () => undefined,
      ...unaudited,
    }),
    securityGroup: async (name) => {
      const answer = await ec2('CreateSecurityGroup', { GroupName: name, GroupDescription: 'of a test' })
      return elementsOf(answer, 'groupId')[0] ?? ''
    },
    vpcSubnets: async () => {
      const [vpc = ''] = elementsOf(await ec2('CreateVpc', { CidrBlock: '10.7.0.0/16' }), 'vpcId')
      const made = ['a', 'b', 'c'].map((zone, index) =>
        ec2('CreateSubnet', { VpcId: vpc, CidrBlock: `10.7.${index}.0/24`, AvailabilityZone: `${region}${zone}` }),
      )
      return (await Promise.all(made)).map((answer) => elementsOf(answer, 'subnetId')[0] ?? '')
    },
    stop: () => manager.stop(),
  }
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultVpc } from '../../../../model/network.ts'
import { describeEvents } from '../events/describe.ts'
import { account, putGroup, region, rejects, type TestContext, testContext } from '../test-context.ts'
import { createCacheSubnetGroup } from './create.ts'
import { deleteCacheSubnetGroup } from './delete.ts'
import { describeCacheSubnetGroups } from './describe.ts'
import { modifyCacheSubnetGroup } from './modify.ts'

const three = ['subnet-0000000a', 'subnet-0000000b', 'subnet-0000000c']
const request = (name: string, ids: string[] = three) => ({
  CacheSubnetGroupName: name,
  CacheSubnetGroupDescription: 'of the tests',
  SubnetIds: ids,
})
const create = (context: TestContext, name: string, ids: string[] = three) => createCacheSubnetGroup(request(name, ids), context)
const names = (output: { CacheSubnetGroups?: { CacheSubnetGroupName?: string | undefined }[] | undefined }) =>
  output.CacheSubnetGroups?.map((group) => group.CacheSubnetGroupName)

describe('CreateCacheSubnetGroup', () => {
  it('answers with every member of a subnet group', async () => {
    const context = testContext()
    const { CacheSubnetGroup } = await create(context, 'My-Group')
    const subnet = (id: string, zone: string) => ({
      SubnetIdentifier: id,
      SubnetAvailabilityZone: { Name: `${region}${zone}` },
      SupportedNetworkTypes: ['ipv4'],
    })
    assert.deepEqual(CacheSubnetGroup, {
      CacheSubnetGroupName: 'my-group',
      CacheSubnetGroupDescription: 'of the tests',
      VpcId: defaultVpc(region, account).id,
      Subnets: [subnet('subnet-0000000a', 'a'), subnet('subnet-0000000b', 'b'), subnet('subnet-0000000c', 'c')],
      ARN: `arn:aws:elasticache:${region}:${account}:subnetgroup:my-group`,
      SupportedNetworkTypes: ['ipv4'],
    })
  })

  it('knows the zones of the default subnets, and of those in other groups', async () => {
    const context = testContext()
    const [, b, c] = defaultVpc(region, account).subnets
    assert.ok(b && c)
    const first = await create(context, 'first', [c.id, b.id, 'subnet-11111111'])
    assert.deepEqual(
      first.CacheSubnetGroup?.Subnets?.map((subnet) => subnet.SubnetAvailabilityZone?.Name),
      [`${region}c`, `${region}b`, `${region}a`],
    )
    const second = await create(context, 'second', ['subnet-22222222', 'subnet-11111111'])
    assert.deepEqual(
      second.CacheSubnetGroup?.Subnets?.map((subnet) => subnet.SubnetAvailabilityZone?.Name),
      [`${region}b`, `${region}a`],
    )
  })

  it('refuses what is missing or malformed', async () => {
    const context = testContext()
    const bad = (change: object, message: RegExp) =>
      rejects(
        context,
        () => createCacheSubnetGroup({ ...request('a'), ...change }, context),
        'InvalidParameterValueException',
        message,
      )
    await bad({ CacheSubnetGroupName: undefined }, /CacheSubnetGroupName/)
    await bad({ CacheSubnetGroupName: 'a b' }, /CacheSubnetGroupName/)
    await bad({ CacheSubnetGroupName: 'x'.repeat(256) }, /CacheSubnetGroupName/)
    await bad({ CacheSubnetGroupDescription: undefined }, /CacheSubnetGroupDescription must be provided/)
    await bad({ SubnetIds: [] }, /SubnetIds must be provided/)
    await bad(
      { SubnetIds: ['subnet-0000000a', '10.0.0.0/24'] },
      /Some input subnets in :\[subnet-0000000a, 10.0.0.0\/24\] are invalid/,
    )
    await bad({ Tags: [{ Key: 'aws:mine', Value: '' }] }, /./)
  })

  it('refuses a name that is there, whatever its case, and the name default', async () => {
    const context = testContext()
    await create(context, 'mine')
    for (const name of ['mine', 'MINE', 'default']) {
      await rejects(context, () => create(context, name), 'CacheSubnetGroupAlreadyExistsFault', /already exists/)
    }
  })

  it('lets one of two that come at once make the group', async () => {
    const context = testContext()
    const both = await Promise.allSettled([create(context, 'mine'), create(context, 'mine')])
    assert.deepEqual(both.map((each) => each.status).sort(), ['fulfilled', 'rejected'])
  })

  it('keeps to 20 subnets in a group and 300 groups in a region', async () => {
    const context = testContext()
    const ids = Array.from({ length: 21 }, (_, i) => `subnet-${String(i).padStart(8, '0')}`)
    await create(context, 'twenty', [...ids.slice(0, 20), ids[0] ?? ''])
    await rejects(context, () => create(context, 'more', ids), 'CacheSubnetQuotaExceededFault', /20/)
    for (let i = 1; i < 300; i += 1) await create(context, `group-${i}`, three)
    await rejects(context, () => create(context, 'last', three), 'CacheSubnetGroupQuotaExceededFault', /300/)
    await create({ ...context, region: 'us-east-1' }, 'last', three)
  })
})

describe('DescribeCacheSubnetGroups', () => {
  it('shows the implicit group default among the others, by name', async () => {
    const context = testContext()
    await create(context, 'zebra')
    await create(context, 'ant')
    assert.deepEqual(names(await describeCacheSubnetGroups({}, context)), ['ant', 'default', 'zebra'])
    const [only] = (await describeCacheSubnetGroups({ CacheSubnetGroupName: 'Default' }, context)).CacheSubnetGroups ?? []
    assert.equal(only?.CacheSubnetGroupDescription, 'Default CacheSubnetGroup')
    assert.equal(only?.Subnets?.length, 3)
  })

  it('sees only its own region', async () => {
    const context = testContext()
    await create(context, 'here')
    assert.deepEqual(names(await describeCacheSubnetGroups({}, { ...context, region: 'us-east-1' })), ['default'])
  })

  it('pages', async () => {
    const context = testContext()
    for (let i = 0; i < 30; i += 1) await create(context, `group-${i}`)
    const first = await describeCacheSubnetGroups({ MaxRecords: 20 }, context)
    const second = await describeCacheSubnetGroups({ MaxRecords: 20, Marker: first.Marker }, context)
    assert.equal(new Set([...(names(first) ?? []), ...(names(second) ?? [])]).size, 31)
    assert.equal(second.Marker, undefined)
  })

  it('refuses unknown names, whatever characters they have', async () => {
    const context = testContext()
    for (const CacheSubnetGroupName of ['nobody', 'a/b', 'größe', '../../spec']) {
      await rejects(
        context,
        () => describeCacheSubnetGroups({ CacheSubnetGroupName }, context),
        'CacheSubnetGroupNotFoundFault',
        /does not exist/,
      )
    }
  })
})

describe('ModifyCacheSubnetGroup', () => {
  it('changes what is named and keeps the rest', async () => {
    const context = testContext()
    await create(context, 'mine')
    const described = await modifyCacheSubnetGroup({ CacheSubnetGroupName: 'MINE', CacheSubnetGroupDescription: 'new' }, context)
    assert.equal(described.CacheSubnetGroup?.CacheSubnetGroupDescription, 'new')
    assert.equal(described.CacheSubnetGroup?.Subnets?.length, 3)
    const cut = await modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', SubnetIds: ['subnet-0000000b'] }, context)
    assert.equal(cut.CacheSubnetGroup?.CacheSubnetGroupDescription, 'new')
    assert.deepEqual(
      cut.CacheSubnetGroup?.Subnets?.map((subnet) => [subnet.SubnetIdentifier, subnet.SubnetAvailabilityZone?.Name]),
      [['subnet-0000000b', `${region}b`]],
    )
    assert.deepEqual(cut, {
      CacheSubnetGroup: (await describeCacheSubnetGroups({ CacheSubnetGroupName: 'mine' }, context)).CacheSubnetGroups?.[0],
    })
  })

  it('keeps the last subnet of a zone in which there is a node', async () => {
    const context = testContext()
    await create(context, 'mine', [...three, 'subnet-0000000d'])
    await putGroup(context, {
      id: 'g',
      subnetGroup: 'mine',
      nodes: [
        { id: 'g-001', zone: `${region}a` },
        { id: 'g-002', zone: `${region}b` },
      ],
    })
    const to = (...SubnetIds: string[]) => modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', SubnetIds }, context)
    // The subnets a and d are both in zone a.
    await to('subnet-0000000b', 'subnet-0000000d')
    await rejects(context, () => to('subnet-0000000d'), 'SubnetInUse', /subnet-0000000b is in use/)
    await rejects(context, () => to('subnet-0000000b'), 'SubnetInUse', /subnet-0000000d is in use/)
  })

  it('refuses the group default, unknown groups and bad subnets', async () => {
    const context = testContext()
    await create(context, 'mine')
    const modify = (CacheSubnetGroupName: string, SubnetIds?: string[]) => () =>
      modifyCacheSubnetGroup({ CacheSubnetGroupName, SubnetIds }, context)
    await rejects(context, modify('default', three), 'InvalidParameterValueException', /default is reserved/)
    await rejects(context, modify('nobody'), 'CacheSubnetGroupNotFoundFault', /nobody/)
    await rejects(context, modify('mine', ['subnet']), 'InvalidParameterValueException', /invalid/)
    await rejects(context, modify(''), 'InvalidParameterValueException', /CacheSubnetGroupName/)
  })

  it('loses no change where many come at once', async () => {
    const context = testContext()
    await create(context, 'mine')
    await Promise.all([
      modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', CacheSubnetGroupDescription: 'new' }, context),
      modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', SubnetIds: ['subnet-0000000c'] }, context),
    ])
    const [group] = (await describeCacheSubnetGroups({ CacheSubnetGroupName: 'mine' }, context)).CacheSubnetGroups ?? []
    assert.equal(group?.CacheSubnetGroupDescription, 'new')
    assert.equal(group?.Subnets?.length, 1)
  })
})

describe('DeleteCacheSubnetGroup', () => {
  it('removes the group, once', async () => {
    const context = testContext()
    await create(context, 'mine')
    await deleteCacheSubnetGroup({ CacheSubnetGroupName: 'Mine' }, context)
    assert.deepEqual(names(await describeCacheSubnetGroups({}, context)), ['default'])
    await rejects(
      context,
      () => deleteCacheSubnetGroup({ CacheSubnetGroupName: 'mine' }, context),
      'CacheSubnetGroupNotFoundFault',
      /does not exist/,
    )
  })

  it('refuses a group in use, also by one that is being deleted, and the group default', async () => {
    const context = testContext()
    await create(context, 'mine')
    await putGroup(context, { id: 'g', space: 'cc', subnetGroup: 'mine', deleted: true })
    const remove = (CacheSubnetGroupName: string) => () => deleteCacheSubnetGroup({ CacheSubnetGroupName }, context)
    await rejects(context, remove('mine'), 'CacheSubnetGroupInUse', /mine is currently in use/)
    await rejects(context, remove('default'), 'InvalidParameterValueException', /default is reserved/)
  })

  it('puts the group back where a group of nodes that uses it is created at the same moment', async () => {
    const context = testContext()
    await create(context, 'mine')
    const { store } = context
    let created = false
    const racing: TestContext = {
      ...context,
      store: new Proxy(store, {
        get: (target, name) =>
          name !== 'transact'
            ? Reflect.get(target, name).bind(target)
            : async (...args: Parameters<typeof store.transact>) => {
                if (!created) {
                  created = true
                  await putGroup(context, { id: 'g', subnetGroup: 'mine' })
                }
                return store.transact(...args)
              },
      }),
    }
    await assert.rejects(deleteCacheSubnetGroup({ CacheSubnetGroupName: 'mine' }, racing), /in use/)
    assert.deepEqual(names(await describeCacheSubnetGroups({}, context)), ['default', 'mine'])
  })
})

describe('events of subnet groups', () => {
  it('tell of creation, change and deletion, the newest first', async () => {
    const context = testContext()
    const at = (seconds: number) => context.setTime(Date.UTC(2026, 10, 20, 12, 0, seconds))
    await create(context, 'mine')
    at(1)
    await modifyCacheSubnetGroup({ CacheSubnetGroupName: 'mine', CacheSubnetGroupDescription: 'new' }, context)
    at(2)
    await deleteCacheSubnetGroup({ CacheSubnetGroupName: 'mine' }, context)
    const { Events } = await describeEvents({ SourceType: 'cache-subnet-group', SourceIdentifier: 'mine' }, context)
    assert.deepEqual(
      Events?.map((event) => event.Message),
      ['Cache subnet group deleted', 'Cache subnet group modified', 'Cache subnet group created'],
    )
  })
})

/** Wrong names, values and forms of parameters. */
import type { Structure, Type } from '../protocols/query/schema.ts'
import { call, signedBody, version, type Wrong } from './wrong-request.ts'

/** Wrong ways to write a value of a type. Each is a list of what to add to the name, and the value. */
const wrongValues = (type: Type): readonly (readonly [suffix: string, value: string])[] => {
  switch (type.kind) {
    case 'number':
      return [
        ['', 'many'],
        ['', '1.5'],
        ['', '99999999999'],
        ['', ''],
        ['.1', '1'],
      ]
    case 'boolean':
      return [
        ['', 'maybe'],
        ['', ''],
        ['.member.1', 'true'],
      ]
    case 'time':
      return [
        ['', 'yesterday'],
        ['', '2026-13-45T00:00:00Z'],
        ['.x', '2026-11-20T00:00:00Z'],
      ]
    case 'string':
      return [
        ['', 'x'.repeat(65_537)],
        ['', '\u0001'],
        ['', '\uffff'],
        ['.1', 'x'],
        ['.__proto__', 'x'],
      ]
    case 'structure':
      return [
        ['', 'x'],
        ['.Nothing', 'x'],
        ['.1', 'x'],
      ]
    case 'list':
      return [
        ['', 'x'],
        ['.member', 'x'],
        ['.member.0', 'x'],
        ['.member.-1', 'x'],
        ['.member.999999999999', 'x'],
        [`.${type.itemName}.2`, 'x'],
        ['.member.__proto__', 'x'],
        ['.member.1.member.1.member.1', 'x'],
        ['.entry.1', 'x'],
      ]
  }
}

const arn = 'arn:aws:elasticache:eu-central-1:000000000000:subnetgroup:subnets'

/** What is there when the wrong requests come: a request for each. */
export const setUp: readonly (readonly [action: string, parameters: Readonly<Record<string, string>>])[] = [
  [
    'CreateCacheSubnetGroup',
    { CacheSubnetGroupName: 'subnets', CacheSubnetGroupDescription: 'x', 'SubnetIds.SubnetIdentifier.1': 'subnet-0000000a' },
  ],
  [
    'CreateCacheParameterGroup',
    { CacheParameterGroupName: 'parameters', CacheParameterGroupFamily: 'valkey9', Description: 'x' },
  ],
  [
    'CreateReplicationGroup',
    { ReplicationGroupId: 'group', ReplicationGroupDescription: 'x', CacheNodeType: 'cache.t3.micro', NumCacheClusters: '2' },
  ],
  ['CreateCacheCluster', { CacheClusterId: 'cluster', Engine: 'memcached', CacheNodeType: 'cache.t3.micro', NumCacheNodes: '2' }],
]

/** For each action a request without a fault, which one wrong parameter then spoils: it must not be carried out without that one. */
const right: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  AddTagsToResource: { ResourceName: arn, 'Tags.Tag.1.Key': 'k', 'Tags.Tag.1.Value': 'v' },
  CreateCacheCluster: { CacheClusterId: 'another', Engine: 'memcached', CacheNodeType: 'cache.t3.micro', NumCacheNodes: '1' },
  CreateCacheParameterGroup: { CacheParameterGroupName: 'another', CacheParameterGroupFamily: 'valkey9', Description: 'x' },
  CreateCacheSubnetGroup: {
    CacheSubnetGroupName: 'another',
    CacheSubnetGroupDescription: 'x',
    'SubnetIds.SubnetIdentifier.1': 'subnet-0000000a',
  },
  CreateReplicationGroup: { ReplicationGroupId: 'another', ReplicationGroupDescription: 'x', CacheNodeType: 'cache.t3.micro' },
  DecreaseReplicaCount: { ReplicationGroupId: 'group', NewReplicaCount: '0', ApplyImmediately: 'true' },
  DeleteCacheCluster: { CacheClusterId: 'cluster' },
  DeleteCacheParameterGroup: { CacheParameterGroupName: 'parameters' },
  DeleteCacheSubnetGroup: { CacheSubnetGroupName: 'subnets' },
  DeleteReplicationGroup: { ReplicationGroupId: 'group' },
  DescribeCacheParameters: { CacheParameterGroupName: 'parameters' },
  DescribeEngineDefaultParameters: { CacheParameterGroupFamily: 'valkey9' },
  IncreaseReplicaCount: { ReplicationGroupId: 'group', NewReplicaCount: '3', ApplyImmediately: 'true' },
  ListTagsForResource: { ResourceName: arn },
  ModifyCacheCluster: { CacheClusterId: 'cluster', AutoMinorVersionUpgrade: 'false' },
  ModifyCacheParameterGroup: {
    CacheParameterGroupName: 'parameters',
    'ParameterNameValues.ParameterNameValue.1.ParameterName': 'maxmemory-policy',
    'ParameterNameValues.ParameterNameValue.1.ParameterValue': 'noeviction',
  },
  ModifyCacheSubnetGroup: { CacheSubnetGroupName: 'subnets', CacheSubnetGroupDescription: 'y' },
  ModifyReplicationGroup: { ReplicationGroupId: 'group', ReplicationGroupDescription: 'y' },
  RebootCacheCluster: { CacheClusterId: 'cluster', 'CacheNodeIdsToReboot.CacheNodeId.1': '0001' },
  RemoveTagsFromResource: { ResourceName: arn, 'TagKeys.member.1': 'k' },
  ResetCacheParameterGroup: { CacheParameterGroupName: 'parameters', ResetAllParameters: 'true' },
}

/** Without what the right request says in or below this member: the wrong value stands in its place. */
const spoilt = (action: string, member: string, name: string, value: string): Uint8Array => {
  const kept = Object.entries(right[action] ?? {}).filter(([each]) => each !== member && !each.startsWith(`${member}.`))
  return call(action, { ...Object.fromEntries(kept), [name]: value })
}

export const wrongMembers = (action: string, schema: Structure): readonly Wrong[] =>
  schema.members.flatMap(({ name, type }) => [
    ...wrongValues(type).map(([suffix, value]) => ({
      name: `${action} with ${name}${suffix}=${value.slice(0, 20)}`,
      bytes: spoilt(action, name, `${name}${suffix}`, value),
    })),
    { name: `${action} with ${name} misspelt`, bytes: spoilt(action, '', `${name}s`, '1') },
    { name: `${action} with ${name} twice`, bytes: signedBody(`Action=${action}&Version=${version}&${name}=1&${name}=1`) },
  ])

/** Names of resources are ASCII; AWS's filters by engine, family or source take any text and find nothing. */
export const unicodeNames = (action: string, schema: Structure): readonly Wrong[] =>
  schema.members
    .filter(
      ({ name, type }) =>
        type.kind === 'string' &&
        /^(CacheCluster|ReplicationGroup|CacheParameterGroup|CacheSubnetGroup)(Id|Name)$|^ResourceName$/.test(name),
    )
    .flatMap(({ name }) =>
      [
        'größe',
        '名前',
        '😀',
        'a\u202eb',
        'ａｂｃ',
        '../../etc/passwd',
        "a'b",
        'a b',
        '<script>',
        'a%00b',
        '-a',
        'a--b',
        'x'.repeat(300),
      ]
        // A rule for clusters and groups that AWS does not have for subnet groups.
        .filter((value) => value !== 'a--b' || name !== 'CacheSubnetGroupName')
        .map((value) => ({
          name: `${action} with ${name}=${value.slice(0, 20)}`,
          bytes: spoilt(action, name, name, value),
        })),
    )

export const strayMembers = (action: string): readonly Wrong[] =>
  [
    'Nothing',
    '__proto__',
    'constructor',
    '__proto__.x',
    'toString',
    'Action.1',
    '.',
    '..',
    'Tägs',
    '😀',
    'a.'.repeat(100),
    'x'.repeat(301),
  ].map((name) => ({
    name: `${action} with a parameter ${name.slice(0, 20)}`,
    bytes: spoilt(action, '', name, '1'),
  }))

export const brokenForms: readonly (readonly [body: string | Uint8Array, why?: string])[] = [
  [''],
  [' '],
  ['\r\n'],
  ['&'],
  ['='],
  ['=='],
  ['%'],
  ['Action'],
  ['Action='],
  ['Action=DescribeEvents'],
  ['Version=2015-02-02'],
  [`Action=&Version=${version}`],
  [`Action=%&Version=${version}`],
  [`Action=DescribeEvents%ff&Version=${version}`],
  [`Action=DescribeEvents&Version=${version}&Action=DescribeEvents`],
  [`Action=DescribeEvents&Version=${version}&%`],
  [`Action=DescribeEvents&Version=${version}&%E0%A4%A=1`],
  [`Action=DescribeEvents&Version=${version}&=1`],
  [`Action=DescribeEvents&Version=${version}&a%00b=1`],
  [`Action=DescribeEvents&Version=${version}&\u0000=1`],
  ['Action=DescribeEvents&Version=2014-01-01'],
  ['Action=DescribeEvents&Version=constructor'],
  ['Action=DescribeEvents&Version=__proto__'],
  ['Action=DescribeEvents&Version='],
  [`Action=describeevents&Version=${version}`],
  [`Action=__proto__&Version=${version}`],
  [`Action=constructor&Version=${version}`],
  [`Action=toString&Version=${version}`],
  [`Action=${'x'.repeat(100_000)}&Version=${version}`],
  [`Action=%3Cscript%3E%26amp%3B%00&Version=${version}`],
  ['Action=GetCallerIdentity&Version=2011-06-15'],
  ['Action=ListBuckets&Version=2006-03-01'],
  [`Action=GetCallerIdentity&Version=${version}`],
  ['{"Action":"DescribeEvents"}'],
  ['<DescribeEvents/>'],
  ['[]'],
  ['null'],
  [Buffer.from([0xff, 0xfe, 0, 1, 2]), 'bytes'],
  [Buffer.alloc(1_000), 'zeros'],
  [Buffer.from(`Action=DescribeEvents&Version=${version}`, 'utf16le'), 'UTF-16'],
  [Buffer.from(`\ufeffAction=DescribeEvents&Version=${version}`), 'a byte order mark'],
  [`Action=DescribeEvents&Version=${version}&${Array.from({ length: 4_100 }, (_, index) => `a${index}=1`).join('&')}`],
  [
    `Action=RemoveTagsFromResource&Version=${version}&ResourceName=x&${Array.from({ length: 2_000 }, (_, index) => `TagKeys.member.${index + 1}=k`).join('&')}`,
  ],
]

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { modelFile, modelText } from './aws-model.ts'
import { errors, type Member, operations, type Structure, type Type } from './schema.ts'

const memberOf = (structure: Structure | undefined, name: string): Member => {
  const found = structure?.members.find((member) => member.name === name)
  assert.ok(found, name)
  return found
}

const input = (operation: string): Structure | undefined => operations.get(operation)?.input

test('required members are told from others', () => {
  const required = (operation: string): readonly string[] | undefined =>
    input(operation)
      ?.members.filter((member) => member.required)
      .map(({ name }) => name)
  assert.deepEqual(required('CreateReplicationGroup'), ['ReplicationGroupId', 'ReplicationGroupDescription'])
  assert.deepEqual(required('CreateCacheCluster'), ['CacheClusterId'])
  assert.deepEqual(required('DescribeCacheClusters'), [])
})

test('each kind of value is known, and what a list calls its items', () => {
  const create = input('CreateReplicationGroup')
  assert.equal(memberOf(create, 'ReplicationGroupId').type.kind, 'string')
  assert.equal(memberOf(create, 'Port').type.kind, 'number')
  assert.equal(memberOf(create, 'MultiAZEnabled').type.kind, 'boolean')
  assert.equal(memberOf(input('DescribeEvents'), 'StartTime').type.kind, 'time')
  const itemName = (structure: Structure | undefined, name: string): string => {
    const { type } = memberOf(structure, name)
    assert.equal(type.kind, 'list')
    return type.kind === 'list' ? type.itemName : ''
  }
  assert.equal(itemName(create, 'PreferredCacheClusterAZs'), 'AvailabilityZone')
  assert.equal(itemName(create, 'Tags'), 'Tag')
  assert.equal(itemName(create, 'UserGroupIds'), 'member')
})

test('the whole model can be walked, and structures that hold each other end', () => {
  const seen = new Set<Structure>()
  const walk = (type: Type): void => {
    if (type.kind === 'list') walk(type.item())
    else if (type.kind === 'structure') enter(type.structure())
  }
  const enter = (structure: Structure): void => {
    if (seen.has(structure)) return
    seen.add(structure)
    for (const { name, type } of structure.members) {
      assert.match(name, /^[A-Z][A-Za-z0-9]*$/)
      assert.ok(structure.memberNames.has(name))
      walk(type)
    }
  }
  for (const operation of operations.values()) {
    enter(operation.input)
    enter(operation.output)
  }
  assert.ok(seen.size > 150, `found ${seen.size} structures`)
})

test('errors have a status of HTTP', () => {
  for (const [shape, { code, status }] of errors) {
    assert.ok(status >= 400 && status < 600, shape)
    assert.match(code, /^[A-Za-z.]+$/)
  }
})

test('the model in the repository is that of the SDK', () => {
  const how = 'is not up to date: run node packages/service/src/api/protocols/query/aws-model.ts'
  assert.equal(readFileSync(modelFile, 'utf8') === modelText(), true, `${modelFile.pathname} ${how}`)
})

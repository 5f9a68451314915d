/** Attacks on the API of a running service. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { DescribeCacheSubnetGroupsCommand } from '@aws-sdk/client-elasticache'
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import { exchange, http } from '../../packages/service/src/api/testing/exchange.ts'
import { signHeader } from '../../packages/service/src/api/testing.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { apiAttacks } from './api-rows.ts'
import { call, type IamTarget, iamAttacks, type Person, people, preparations, requestOf, statementsOf } from './iam-rows.ts'
import { runAttacks } from './table.ts'

const deadlineMs = 5_000
const quietMs = 40

/** Status and error code of every answer on one connection, until the other side ends it or nothing more comes. */
const send = (port: number, bytes: Uint8Array): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    let quiet: NodeJS.Timeout | undefined
    const deadline = setTimeout(() => finish(), deadlineMs)
    const finish = (): void => {
      clearTimeout(deadline)
      clearTimeout(quiet)
      socket.destroy()
      const answers = heard.split(/(?=HTTP\/1\.1 \d{3} )/).filter((text) => text !== '')
      const told = answers.map((text) => `${text.slice(9, 12)} ${/<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? '-'}`)
      if (told.length === 0) reject(new Error(`expected an answer, found ${JSON.stringify(heard.slice(0, 100))}`))
      else resolve(told.join(' '))
    }
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      heard += text
      clearTimeout(quiet)
      quiet = setTimeout(finish, quietMs)
    })
    socket.on('error', finish)
    socket.on('close', finish)
    socket.write(bytes)
  })

/** Users of IAM with keys and policies, and what they try to get at. */
const prepare = async (service: TestService, sendBytes: IamTarget['send'], root: IamTarget['root']): Promise<IamTarget> => {
  for (const [name, action, parameters] of preparations)
    assert.equal(await call({ send: sendBytes }, root, name, action, parameters), '200 -', action)
  const bytes = requestOf(root, 'ec2', 'CreateSecurityGroup', { GroupName: 'guarded', GroupDescription: 'x' })
  const { body } = await exchange(Number(new URL(service.url()).port), bytes)
  const guardedId = /<groupId>([^<]*)/.exec(body)?.[1] ?? assert.fail(body)
  const iam = new IAMClient({ endpoint: service.url(), region: 'us-east-1', credentials: root, maxAttempts: 1 })
  const found = new Map<Person, IamTarget['root']>()
  for (const UserName of people) {
    await iam.send(new CreateUserCommand({ UserName }))
    const Statement = statementsOf(UserName, guardedId)
    const document = JSON.stringify({ Version: '2012-10-17', Statement })
    if (Statement.length > 0) await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'all', PolicyDocument: document }))
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
    found.set(UserName, { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' })
  }
  const keysOf = (person: Person) => found.get(person) ?? assert.fail(person)
  assert.equal(await call({ send: sendBytes }, keysOf('gone'), 'elasticache', 'DescribeEvents'), '200 -')
  await iam.send(new UpdateAccessKeyCommand({ UserName: 'idle', AccessKeyId: keysOf('idle').accessKeyId, Status: 'Inactive' }))
  await iam.send(new DeleteAccessKeyCommand({ UserName: 'gone', AccessKeyId: keysOf('gone').accessKeyId }))
  await iam.send(new DeleteUserPolicyCommand({ UserName: 'gone', PolicyName: 'all' }))
  await iam.send(new DeleteUserCommand({ UserName: 'gone' }))
  iam.destroy()
  return { root, keysOf, guardedId, send: sendBytes }
}

test('nobody gets into the API who has no key', async (context) => {
  await using service = await startTestService()
  const port = Number(new URL(service.url()).port)
  const client = service.client()
  const keys = await client.config.credentials()
  const audited = (): string => readFileSync(join(service.home, 'logs', 'audit.log'), 'utf8')
  const target = { keys, send: (bytes: Uint8Array) => send(port, bytes), audited }

  // Without a change the same request is let in: it is the change that is refused.
  const ask = 'Action=DescribeEvents&Version=2015-02-02'
  const good = signHeader({ body: ask, headers: { 'content-type': 'application/x-www-form-urlencoded' } }, keys)
  assert.equal(await target.send(http('POST', '/', good.headers, ask)), '200 -')

  assert.ok(apiAttacks.length >= 60, `${apiAttacks.length} rows`)
  await runAttacks(context, target, apiAttacks)

  await context.test('nor does anybody get further than his policies', async (each) => {
    const iam = await prepare(service, target.send, keys)
    await runAttacks(each, iam, iamAttacks)
  })

  const { CacheSubnetGroups = [] } = await client.send(new DescribeCacheSubnetGroupsCommand({}))
  assert.ok(!CacheSubnetGroups.some((group) => group.CacheSubnetGroupName === 'broken-in'), 'nothing was made')
  client.destroy()
  const page = await fetch(service.url(), { headers: { origin: 'http://evil.example' } })
  assert.equal(page.headers.get('access-control-allow-origin'), null, 'no page of another site may read an answer')
  const log = readFileSync(join(service.home, 'logs', 'larder.log'), 'utf8')
  assert.doesNotMatch(log, /"level":"error"|Signature=|broken-in/)
  assert.ok(!log.includes(keys.secretAccessKey))
})

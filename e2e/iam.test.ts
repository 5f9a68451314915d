/** IAM on the port of the service, by the client of AWS and, where there is one, its command line; also over restarts. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateCacheParameterGroupCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
} from '@aws-sdk/client-elasticache'
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, ListUsersCommand, PutUserPolicyCommand } from '@aws-sdk/client-iam'
import { startTestService, type TestService } from './support/service.ts'

const region = 'us-east-1'

const rootOf = (service: TestService): { accessKeyId: string; secretAccessKey: string } => {
  const { accessKeyId, secretAccessKey } = JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as {
    accessKeyId: string
    secretAccessKey: string
  }
  return { accessKeyId, secretAccessKey }
}

const policy = (Action: string): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] })

test('a user of IAM may do what his policy says, also after a restart; everything stands in the audit log, and no secret anywhere', async () => {
  await using service = await startTestService()
  const iam = () => new IAMClient({ region, endpoint: service.url(), credentials: rootOf(service), maxAttempts: 1 })
  await iam().send(new CreateUserCommand({ UserName: 'ada' }))
  await iam().send(
    new PutUserPolicyCommand({ UserName: 'ada', PolicyName: 'p', PolicyDocument: policy('elasticache:Describe*') }),
  )
  const { AccessKey } = await iam().send(new CreateAccessKeyCommand({ UserName: 'ada' }))
  const credentials = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
  const look = () =>
    new ElastiCacheClient({ region, endpoint: service.url(), credentials, maxAttempts: 1 }).send(
      new DescribeReplicationGroupsCommand({}),
    )
  const make = () =>
    new ElastiCacheClient({ region, endpoint: service.url(), credentials, maxAttempts: 1 }).send(
      new CreateCacheParameterGroupCommand({
        CacheParameterGroupName: 'x',
        CacheParameterGroupFamily: 'valkey9',
        Description: 'x',
      }),
    )
  for (let turn = 0; turn < 2; turn += 1) {
    await look()
    await assert.rejects(make(), { name: 'AccessDenied' })
    await service.kill()
    await service.start()
  }

  const audit = join(service.home, 'logs', 'audit.log')
  assert.equal(statSync(audit).mode & 0o077, 0)
  const lines = readFileSync(audit, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const denied = lines.filter((line) => line['decision'] === 'denied')
  assert.equal(denied.length, 2)
  const [first] = denied
  assert.match(String(first?.['arn']), /:user\/ada$/)
  assert.deepEqual(
    [first?.['action'], first?.['errorCode'], first?.['accessKeyId'], first?.['sourceAddress']],
    ['elasticache:CreateCacheParameterGroup', 'AccessDenied', credentials.accessKeyId, '127.0.0.1'],
  )
  const found = spawnSync('grep', ['-rlaF', credentials.secretAccessKey, service.home], { encoding: 'utf8' })
  assert.equal(found.stdout, '', 'the secret of an access key stands nowhere')

  // Another key than the one that sealed: the start is refused and says what to do, and nothing is changed.
  await service.kill()
  const sealKey = join(service.home, 'seal.key')
  assert.equal(statSync(sealKey).mode & 0o077, 0)
  const right = readFileSync(sealKey, 'utf8')
  writeFileSync(sealKey, `${'ab'.repeat(32)}\n`)
  await assert.rejects(
    service.start(),
    /the key by which the secrets in the state are sealed .* found another one.* larder recover/s,
  )
  assert.equal(readFileSync(sealKey, 'utf8'), `${'ab'.repeat(32)}\n`)
  await service.kill()
  rmSync(sealKey)
  await service.start({ LARDER_SEAL_KEY: right.trim() })
  await look()
})

const hasAws = spawnSync('aws', ['--version']).status === 0

test('the command line of AWS makes a user who can ask for himself', {
  skip: !hasAws && 'there is no aws command line',
}, async () => {
  await using service = await startTestService()
  const aws = (...args: readonly string[]): string => service.larder('aws', ...args)
  aws('iam', 'create-user', '--user-name', 'bob', '--tags', 'Key=team,Value=a')
  aws('iam', 'put-user-policy', '--user-name', 'bob', '--policy-name', 'p', '--policy-document', policy('iam:ListUsers'))
  const made = JSON.parse(aws('iam', 'create-access-key', '--user-name', 'bob', '--output', 'json')) as {
    AccessKey: { AccessKeyId: string; SecretAccessKey: string }
  }
  const credentials = { accessKeyId: made.AccessKey.AccessKeyId, secretAccessKey: made.AccessKey.SecretAccessKey }
  const client = new IAMClient({ region, endpoint: service.url(), credentials, maxAttempts: 1 })
  assert.deepEqual(
    (await client.send(new ListUsersCommand({}))).Users?.map((user) => user.UserName),
    ['bob'],
  )
  await assert.rejects(client.send(new CreateUserCommand({ UserName: 'eve' })), { name: 'AccessDenied' })
  assert.match(aws('iam', 'list-access-keys', '--user-name', 'bob'), /Active/)
})

/** Networks around caches, by the tools that people make them with. A tool that this machine does not have is said. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { patience } from '../packages/service/src/testing/busy-machine.ts'
import { startTestService, type TestService } from './support/service.ts'

const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const plugins = process.env['LARDER_TEST_TERRAFORM_PLUGINS'] ?? ''
const files = fileURLToPath(new URL('networks', import.meta.url))

const skipTerraform = has('terraform')
  ? plugins === '' && 'no provider here: LARDER_TEST_TERRAFORM_PLUGINS names a folder with the one for AWS'
  : 'no terraform command here'

const environmentOf = (service: TestService): NodeJS.ProcessEnv => {
  const given = [...service.larder('env').matchAll(/^export ([A-Z_]+)=(.*)$/gm)]
  const values = given.map(([, name = '', value = '']) => [name, value.replace(/^'(.*)'$/, '$1')])
  return { ...service.environment, ...Object.fromEntries(values), CHECKPOINT_DISABLE: '1', AWS_EC2_METADATA_DISABLED: 'true' }
}

/** Runs a command in a copy of the files; gives its exit code and all that it said. */
const inCopy = (service: TestService) => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  cpSync(files, folder, { recursive: true })
  const env = environmentOf(service)
  return {
    run: (
      command: string,
      args: readonly string[],
      codes: readonly number[] = [0],
    ): { readonly code: number; readonly text: string } => {
      const { status, stdout, stderr, error } = spawnSync(command, args, {
        ...{ cwd: folder, env, encoding: 'utf8', timeout: 300_000 * patience },
      })
      const text = `${stdout}${stderr}`
      assert.ok(
        error === undefined && codes.includes(status ?? -1),
        `${command} ${args[0]}: ${status} ${error?.message ?? ''}\n${text}`,
      )
      return { code: status ?? -1, text }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

test('the AWS command line makes a network, gives a cache its subnets, and is refused while something depends', {
  skip: has('aws') ? false : 'no aws command here',
}, async () => {
  await using service = await startTestService()
  const aws = (line: string): string => service.larder('aws', ...line.split(' '), '--output', 'text').trim()
  const vpc = aws(
    'ec2 create-vpc --cidr-block 10.40.0.0/16 --query Vpc.VpcId --tag-specifications ResourceType=vpc,Tags=[{Key=Name,Value=shop}]',
  )
  aws(`ec2 wait vpc-available --vpc-ids ${vpc}`)
  const subnets = [1, 2, 3].map((number) =>
    aws(`ec2 create-subnet --vpc-id ${vpc} --cidr-block 10.40.${number}.0/24 --query Subnet.SubnetId`),
  )
  aws(`ec2 wait subnet-available --subnet-ids ${subnets.join(' ')}`)
  const shown = aws('ec2 describe-vpcs --filters Name=tag:Name,Values=sh* --query Vpcs[].[VpcId,CidrBlock,IsDefault]')
  assert.deepEqual(shown.split(/\s+/), [vpc, '10.40.0.0/16', 'False'])
  const group = `elasticache create-cache-subnet-group --cache-subnet-group-name shop --cache-subnet-group-description x`
  const zones = aws(`${group} --subnet-ids ${subnets.join(' ')} --query CacheSubnetGroup.Subnets[].SubnetAvailabilityZone.Name`)
  assert.deepEqual(zones.split(/\s+/), ['us-east-1a', 'us-east-1b', 'us-east-1c'])
  assert.throws(
    () => aws(`${group.replace(' shop', ' other')} --subnet-ids subnet-12345678`),
    /InvalidParameterValue.*Some input subnets/s,
  )
  assert.throws(() => aws(`ec2 delete-subnet --subnet-id ${subnets[0]}`), /DependencyViolation/)
  assert.throws(() => aws(`ec2 delete-vpc --vpc-id ${vpc}`), /DependencyViolation/)
  assert.equal(aws(`ec2 describe-network-interfaces --filters Name=vpc-id,Values=${vpc} --query NetworkInterfaces`), '')
  // A restart loses nothing of it.
  await service.end()
  await service.start()
  assert.equal(aws(`ec2 describe-subnets --filters Name=vpc-id,Values=${vpc} --query length(Subnets)`), '3')
  aws('elasticache delete-cache-subnet-group --cache-subnet-group-name shop')
  for (const subnet of subnets) aws(`ec2 delete-subnet --subnet-id ${subnet}`)
  aws(`ec2 delete-vpc --vpc-id ${vpc}`)
  assert.throws(() => aws(`ec2 delete-vpc --vpc-id ${vpc}`), /InvalidVpcID.NotFound/)
})

test('Terraform makes a network with a cache in it, sees no difference afterwards, changes it and takes it down', {
  skip: skipTerraform,
}, async () => {
  await using service = await startTestService()
  using copy = inCopy(service)
  const terraform = (action: string, args: readonly string[] = [], codes?: readonly number[]) =>
    copy.run('terraform', [action, '-no-color', '-input=false', ...args], codes)
  terraform('init', [`-plugin-dir=${plugins}`])
  assert.match(terraform('apply', ['-auto-approve']).text, /26 added, 0 changed, 0 destroyed/)
  assert.equal(terraform('plan', ['-detailed-exitcode'], [0, 2]).code, 0)
  assert.match(terraform('apply', ['-auto-approve', '-var', 'port=81']).text, /0 added, 1 changed, 0 destroyed/)
  assert.equal(terraform('plan', ['-detailed-exitcode', '-var', 'port=81'], [0, 2]).code, 0)
  assert.match(terraform('destroy', ['-auto-approve']).text, /26 destroyed/)
  assert.match(terraform('destroy', ['-auto-approve']).text, /0 destroyed/)
})

test("Ansible's modules say that they changed something when they did, and only then", {
  skip: has('ansible-playbook') ? false : 'no ansible-playbook command here',
}, async () => {
  await using service = await startTestService()
  using copy = inCopy(service)
  copy.run('ansible-playbook', ['-i', 'localhost,', 'play.yml'])
})

/** Wrong requests to a real service: it refuses them all, keeps its memory and its state, and goes on. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateCacheClusterCommand, DescribeCacheClustersCommand } from '@aws-sdk/client-elasticache'
import { exchange, http } from '../packages/service/src/api/testing/exchange.ts'
import { tenMegabytes, wrongHttp } from '../packages/service/src/api/testing/wrong-http.ts'
import { brokenForms } from '../packages/service/src/api/testing/wrong-parameters.ts'
import { formType, signedBody, type Wrong } from '../packages/service/src/api/testing/wrong-request.ts'
import { startTestService, until } from './support/service.ts'

/** The most memory that a process has had, in bytes. */
const peakMemory = (pid: number): number =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) * 1024

const refusedAll = async (port: number, wrongs: readonly Wrong[]): Promise<void> => {
  const answers = await Promise.all(wrongs.map(async (wrong) => ({ ...wrong, ...(await exchange(port, wrong.bytes)) })))
  for (const { name, status, body, bodiless } of answers) {
    assert.ok(status >= 400 && status < 500, `${name}: ${status} ${body}`)
    if (bodiless !== true) assert.match(body, /^<ErrorResponse .*<Code>[A-Za-z.]+<\/Code>.*<\/ErrorResponse>$/s, name)
  }
}

test('a service under wrong requests refuses each and changes nothing', async () => {
  await using service = await startTestService()
  const pid = service.pid()
  const port = Number(new URL(service.url()).port)
  const client = service.client()
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'mc',
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 1,
    }),
  )
  await until('the cluster is available', async () => (await service.status()).groups[0]?.status === 'available')
  const before = await service.status()

  const keys = JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as {
    accessKeyId: string
    secretAccessKey: string
  }
  const broken = brokenForms.map(([body, why]) => ({ name: String(why ?? body), bytes: signedBody(body, keys) }))
  await refusedAll(port, [...wrongHttp(), ...broken])

  const memory = peakMemory(pid)
  const flood = Array.from({ length: 8 }, () => tenMegabytes()).flat()
  await refusedAll(port, flood)
  const grown = peakMemory(pid) - memory
  const sent = flood.reduce((sum, { bytes }) => sum + bytes.length, 0)
  assert.ok(grown < sent / 2, `${flood.length} bodies of 10 MB at once made the service grow by ${grown} bytes`)

  // Half a request holds nothing up.
  const half = exchange(port, http('POST', '/', { host: 'x', 'content-type': formType, 'content-length': '100' }, 'Action='))
  half.catch(() => undefined)
  const { CacheClusters } = await client.send(new DescribeCacheClustersCommand({}))
  assert.equal(CacheClusters?.[0]?.CacheClusterStatus, 'available')
  assert.equal((await fetch(`${service.url()}/health`)).status, 200)
  assert.deepEqual(await service.status(), before)
  assert.equal(service.pid(), pid)
  assert.doesNotMatch(readFileSync(join(service.home, 'logs', 'larder.log'), 'utf8'), /"level":"error"/)
})

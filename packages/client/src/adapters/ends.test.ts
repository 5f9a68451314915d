/** A process that has closed its connections ends, whatever they were about to do, and nothing is rejected that nobody sees. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { openProxy } from '../testing/proxy.ts'
import { openServers } from '../testing/servers.ts'

const clients = [
  ['@redis/client', 'node-redis.ts', 'connectNodeRedis'],
  ['ioredis', 'ioredis.ts', 'connectIoredis'],
  ['GLIDE', 'glide.ts', 'connectGlide'],
] as const

/** `what` has `connect`, `url` and `other`; milliseconds until it has ended. */
const runAlone = async (file: string, name: string, what: string, url: string, other: string): Promise<number> => {
  const text = `
    import { ${name} as connect } from ${JSON.stringify(new URL(file, import.meta.url).href)}
    ${file === 'glide.ts' ? "import { Logger } from '@valkey/valkey-glide'; Logger.init('off')" : ''}
    const [url, other] = ${JSON.stringify([url, other])}
    const fails = async (work) => { try { await work } catch (error) { if (error.name === 'CacheError') return; throw error } throw new Error('expected a failure') }
    ${what}
    console.log('done')`
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', '--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let [said, doneAt] = ['', 0]
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      said += String(data)
      if (doneAt === 0 && said.includes('done')) doneAt = performance.now()
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  assert.equal(code, 0, said)
  assert.equal(said.trim(), 'done')
  return performance.now() - doneAt
}

for (const [name, file, connect] of clients)
  test(`${name}: a process ends when its connections are closed, and nothing is left unseen`, async () => {
    await using servers = await openServers()
    const [single, [node]] = [await servers.start(), await servers.cluster(2)]
    assert.ok(node)
    await using proxy = await openProxy(single)
    const cases: readonly (readonly [string, string, string])[] = [
      ['an open one', 'await (await connect({ url })).close()', single.url],
      [
        'of a cluster, in the middle of work',
        `
        const one = await connect({ url, readFrom: 'replicas' })
        const work = fails(Promise.all(Array.from({ length: 200 }, (_, i) => one.send([{ key: 'k' + i, args: ['GET', 'k' + i] }]))).then(() => { throw Object.assign(new Error('x'), { name: 'CacheError' }) }))
        await one.close()
        await work
        await fails(one.send([{ key: 'k', args: ['PING'] }]))`,
        node.url,
      ],
      ['nobody is there', "await fails(connect({ url: 'redis://127.0.0.1:1', connectTimeout: 200 }))", ''],
      [
        'credentials that never come, come wrong, or fail',
        `
        for (const credentials of [() => new Promise(() => undefined), async () => undefined, () => { throw new Error('no') }, async () => ({ username: 'nobody', password: 'wrong' })])
          await fails(connect({ url, connectTimeout: 200, credentials }))`,
        single.url,
      ],
      ['a server that says nothing', 'await fails(connect({ url: other, connectTimeout: 300 }))', single.url],
    ]
    for (const [what, text, url] of cases) {
      if (what.startsWith('a server')) proxy.set('hang')
      const time = await runAlone(file, connect, text, url, proxy.url)
      assert.ok(time < 3_000, `${what}: ${time} ms`)
    }
  })

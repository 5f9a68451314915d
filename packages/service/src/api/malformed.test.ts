/**
 * Wrong requests of every kind, against a real port and the real actions: whatever comes, the answer is an error in the form of AWS,
 * nothing has changed, and the next request is answered.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createMemoryStore } from '../store/memory.ts'
import { createFakeWorld } from '../testing/fake-world.ts'
import { startManager } from '../testing/fixtures.ts'
import { operations } from './protocols/query/schema.ts'
import { createApiServer } from './server.ts'
import { actions } from './services/elasticache/index.ts'
import { testContext } from './services/elasticache/test-context.ts'
import { type Answer, exchange } from './testing/exchange.ts'
import { tenMegabytes, wrongHttp } from './testing/wrong-http.ts'
import { brokenForms, setUp, strayMembers, unicodeNames, wrongMembers } from './testing/wrong-parameters.ts'
import { call, signedBody, type Wrong } from './testing/wrong-request.ts'
import { wrongSignatures } from './testing/wrong-signatures.ts'
import { unaudited, verifierAt } from './testing.ts'

const store = createMemoryStore()
const failures: unknown[] = []
const server = createApiServer({
  verifier: verifierAt(() => Date.now()),
  actions,
  context: () => testContext(store),
  ...unaudited,
  metrics: async () => '',
  log: (...entry) => failures.push(entry),
})
let port = 0
let sent = 0

before(async () => {
  port = await server.listen('127.0.0.1', 0)
  const manager = startManager(store, createFakeWorld())
  await manager.start()
  for (const [action, parameters] of setUp) {
    const { status, body } = await exchange(port, call(action, parameters))
    assert.equal(status, 200, body)
  }
  for (const action of ['DescribeReplicationGroups', 'DescribeCacheClusters']) {
    const deadline = Date.now() + 10_000
    const isAvailable = async (): Promise<boolean> =>
      !/<(Status|CacheClusterStatus)>(?!available|active)/.test((await exchange(port, call(action, {}))).body)
    while (!(await isAvailable())) assert.ok(Date.now() < deadline, `${action}: not available in time`)
  }
  await manager.stop()
})
after(() => server.close())

const form =
  /^<ErrorResponse xmlns="http[^"]+"><Error><Type>Sender<\/Type><Code>([A-Za-z.]+)<\/Code><Message>([^<>]+)<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/
const bareAmpersand = /&(?!(?:amp|lt|gt|quot|#x[0-9A-F]+);)/
const notXml = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

const checkRefusal = ({ name, bodiless }: Wrong, { status, headers, body }: Answer): void => {
  const shown = `${name}: ${status} ${body.slice(0, 300)}`
  assert.ok(status >= 400 && status < 500, shown)
  assert.match(headers, /^x-amzn-requestid: [0-9a-f-]{36}$/im, shown)
  if (bodiless === true) return
  assert.match(headers, /^content-type: text\/xml/im, shown)
  assert.match(body, form, shown)
  assert.doesNotMatch(body, bareAmpersand, shown)
  assert.doesNotMatch(body, notXml, shown)
  assert.ok(body.length < 2_000, `a refusal does not repeat the request: ${shown}`)
}

/** Sends them over 16 connections at a time. Throws for the first that is not refused as it should. */
const sendAll = async (wrongs: readonly Wrong[]): Promise<void> => {
  const rest = [...wrongs].reverse()
  const worker = async (): Promise<void> => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      const wrong = next
      sent += 1
      const answer = await exchange(port, wrong.bytes).catch((error: unknown) => {
        throw new Error(`${wrong.name}: no answer`, { cause: error })
      })
      checkRefusal(wrong, answer)
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

const refusedAndUnchanged = async (wrongs: readonly Wrong[]): Promise<void> => {
  assert.ok(wrongs.length > 0)
  failures.length = 0
  const { revision } = await store.list('')
  await sendAll(wrongs)
  assert.deepEqual(failures, [], 'no failure of our own')
  assert.equal((await store.list('')).revision, revision, 'nothing was written')
  const healthy = await exchange(port, call('DescribeCacheSubnetGroups', {}))
  assert.equal(healthy.status, 200, healthy.body)
}

const schemas = Object.keys(actions).map((name) => {
  const operation = operations.get(name)
  assert.ok(operation, name)
  return [name, operation.input] as const
})

test('every member of every action, with values of a wrong type', () =>
  refusedAndUnchanged(schemas.flatMap(([name, input]) => wrongMembers(name, input))))
test('names of resources that are none', () => refusedAndUnchanged(schemas.flatMap(([name, input]) => unicodeNames(name, input))))
test('parameters that no action has', () => refusedAndUnchanged(schemas.flatMap(([name]) => strayMembers(name))))
test('operations that are not there yet', () =>
  refusedAndUnchanged(
    [...operations.keys()].filter((name) => !Object.hasOwn(actions, name)).map((name) => ({ name, bytes: call(name, {}) })),
  ))
test('forms that are none', () =>
  refusedAndUnchanged(
    brokenForms.map(([body, why]) => ({ name: `body ${why ?? String(body).slice(0, 60)}`, bytes: signedBody(body) })),
  ))
test('signatures that are wrong in every way', () => refusedAndUnchanged(wrongSignatures()))
test('strange methods, paths, types and broken HTTP', () => refusedAndUnchanged(wrongHttp()))
test('bodies of 10 MB', () => refusedAndUnchanged(tenMegabytes()))
test('the corpus is large enough', (context) => {
  context.diagnostic(`${sent} wrong requests were sent`)
  assert.ok(sent >= 200, `expected at least 200 requests, found ${sent}`)
})

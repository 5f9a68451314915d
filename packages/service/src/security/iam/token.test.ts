import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessKeyId, basicTime, type Signing, signQuery, verifierAt } from '../../api/testing.ts'
import { Fault } from '../../errors.ts'
import { verifyToken } from './token.ts'

const now = Date.UTC(2026, 10, 23, 7, 30)
const second = 1_000
const expected = { cacheName: 'orders', user: 'app', region: 'us-east-1' }
const verifier = verifierAt(() => now)

interface Made {
  readonly cache?: string
  readonly query?: Readonly<Record<string, string>>
  readonly signing?: Partial<Signing>
  readonly at?: number
  readonly expires?: number | string
}

/** By the signer of the tests, so that two programs have to agree. */
const tokenOf = ({ cache = 'orders', query = {}, signing = {}, at = now, expires = 900 }: Made = {}): string => {
  const asked = new Map(Object.entries({ Action: 'connect', User: 'app', ...query }))
  const signed = signQuery({ headers: { host: cache }, query: asked }, { time: basicTime(at), ...signing }, expires)
  return `${cache}/?${[...signed.query].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`
}

const refused = (text: string, shape: string, message: RegExp): Promise<void> =>
  assert.rejects(verifyToken(text, expected, verifier), (error: unknown) => {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.shape, shape, error.message)
    assert.match(error.message, message)
    return true
  })

test('a token says who signed it, for its time to the second', async () => {
  assert.equal((await verifyToken(tokenOf(), expected, verifier)).accessKeyId, accessKeyId)
  await verifyToken(tokenOf({ at: now - 900 * second }), expected, verifier)
  await refused(tokenOf({ at: now - 901 * second }), 'RequestExpired', /expired/)
  await verifyToken(tokenOf({ at: now - 60 * second, expires: 60 }), expected, verifier)
  await refused(tokenOf({ at: now - 61 * second, expires: 60 }), 'RequestExpired', /expired/)
  await verifyToken(tokenOf({ at: now + 300 * second }), expected, verifier)
  await refused(tokenOf({ at: now + 301 * second }), 'SignatureDoesNotMatch', /not yet current/)
})

test('a token is for one cache, one user, one region, one service, and 15 minutes', async () => {
  await refused(tokenOf({ cache: 'others' }), 'AccessDenied', /cache 'others', not for 'orders'/)
  await refused(tokenOf({ cache: 'Orders' }), 'AccessDenied', /cache 'Orders'/)
  await refused(tokenOf({ query: { User: 'other' } }), 'AccessDenied', /user 'other', not for 'app'/)
  await refused(tokenOf({ query: { User: 'APP' } }), 'AccessDenied', /user 'APP'/)
  await refused(tokenOf({ query: { Action: 'Connect' } }), 'AccessDenied', /Action/)
  await refused(tokenOf({ query: { ResourceType: 'ServerlessCache' } }), 'AccessDenied', /ServerlessCache/)
  await refused(tokenOf({ signing: { region: 'eu-west-1' } }), 'AccessDenied', /region 'eu-west-1'/)
  await refused(tokenOf({ signing: { service: 'memorydb' } }), 'SignatureDoesNotMatch', /correct service/)
  await refused(tokenOf({ expires: 901 }), 'AccessDenied', /at most 900/)
  await refused(tokenOf({ expires: '1e2' }), 'AccessDenied', /at most 900/)
  await refused(tokenOf({ expires: 0 }), 'IncompleteSignature', /X-Amz-Expires/)
})

test('a token that was changed, or signed by nobody who is known, is refused', async () => {
  const good = tokenOf()
  const last = good.at(-1) === '0' ? '1' : '0'
  await refused(good.slice(0, -1) + last, 'SignatureDoesNotMatch', /does not match/)
  await refused(tokenOf({ signing: { secretAccessKey: 'another' } }), 'SignatureDoesNotMatch', /does not match/)
  await refused(tokenOf({ signing: { accessKeyId: 'AKIAUNKNOWN' } }), 'InvalidClientTokenId', /token/)
  await refused(tokenOf({ query: { 'X-Amz-Security-Token': 'x' } }), 'InvalidClientTokenId', /token/)
  await refused(tokenOf({ signing: { terminator: 'aws5_request' } }), 'SignatureDoesNotMatch', /terminator/)
  await refused(tokenOf({ signing: { date: '20261122' } }), 'SignatureDoesNotMatch', /Date in Credential/)
  await refused(good.replace('X-Amz-SignedHeaders=host', 'X-Amz-SignedHeaders=host%3Bx'), 'AccessDenied', /signed headers/)
})

test('what is no token is refused before anything of it is believed', async () => {
  const good = tokenOf()
  const texts: readonly string[] = [
    '',
    'orders',
    'orders/',
    'orders/?',
    `http://${good}`,
    `${good}&`,
    `${good}&X=1`,
    `${good}&User=app`,
    `${good}&User=other`,
    good.replace('User=app', 'User'),
    good.replace('User=app', 'User=%'),
    good.replace('User=app', 'User=%ff'),
    good.replace('/?', '/%3F'),
    good.replace('orders/', 'orders/x/'),
    good.replace('orders/', 'orders:80/'),
    good.replace('&', ' &'),
    good.replace('&', '\n&'),
    good.replace('&', 'é&'),
    `\0${good}`,
  ]
  for (const text of texts) await refused(text, 'IncompleteSignature', /token|percent/i)
  await refused(good.replace(/&X-Amz-Signature=.*/, ''), 'IncompleteSignature', /X-Amz-Signature/)
})

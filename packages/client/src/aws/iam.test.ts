import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCacheError } from '../errors.ts'
import { awsSigner } from '../testing/aws-signer.ts'
import { iamCredentials, iamToken } from './iam.ts'

test('tokens are those of AWS’s own signer, with and without a session, for caches and serverless ones', async () => {
  for (const sessionToken of [undefined, 'a/session+token=='])
    for (const serverless of [false, true]) {
      const keys = {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'a secret/key+',
        ...(sessionToken === undefined ? {} : { sessionToken }),
      }
      const moment = Date.parse('2026-11-23T12:34:56.789Z')
      const signer = awsSigner('eu-west-1', keys)
      const signed = await signer.presign(
        {
          method: 'GET',
          protocol: 'http:',
          hostname: 'my-cache',
          path: '/',
          headers: { host: 'my-cache' },
          query: { Action: 'connect', User: "user-1!'()*", ...(serverless ? { ResourceType: 'ServerlessCache' } : {}) },
        },
        { expiresIn: 900, signingDate: new Date(moment) },
      )
      const token = iamToken({ cacheName: 'my-cache', user: "user-1!'()*", region: 'eu-west-1', serverless }, keys, moment)
      const own = Object.fromEntries(new URLSearchParams(token.split('?')[1]))
      assert.ok(token.startsWith('my-cache/?Action=connect&'))
      assert.deepEqual(own, { ...signed.query })
    }
})

test('each connection gets a token of its own, and bad input is told', async () => {
  let now = Date.parse('2026-11-23T00:00:00Z')
  const keys = async () => ({ accessKeyId: 'AKID', secretAccessKey: 'secret' })
  const give = iamCredentials({ cacheName: 'c', user: 'u', region: 'us-east-1', keys, now: () => now })
  const first = await give()
  now += 60_000
  const second = await give()
  assert.equal(first.username, 'u')
  assert.notEqual(first.password, second.password)
  assert.ok((first.renewAfter ?? 0) > 10 * 3_600_000 && (first.renewAfter ?? 0) < 12 * 3_600_000)
  for (const wrong of [{ cacheName: 'Cache' }, { user: '' }, { region: '' }])
    assert.throws(
      () => iamCredentials({ cacheName: 'c', user: 'u', region: 'r', keys, ...wrong }),
      (error: unknown) => isCacheError(error, 'usage'),
    )
  for (const wrong of [undefined, {}, { accessKeyId: 'AKID' }, { accessKeyId: '', secretAccessKey: 'secret' }])
    await assert.rejects(
      iamCredentials({ cacheName: 'c', user: 'u', region: 'r', keys: async () => wrong as never })(),
      (error: unknown) => isCacheError(error, 'usage'),
    )
})

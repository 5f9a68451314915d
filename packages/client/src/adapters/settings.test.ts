import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectionOptions } from '../connection/connection.ts'
import { isCacheError } from '../errors.ts'
import { settingsOf } from './settings.ts'
import { targetOf } from './url.ts'
import type { WireFactory } from './wire.ts'

const factory: WireFactory = {
  tracks: false,
  open: () => {
    throw new Error('nothing is opened here')
  },
}
const settings = (options: object) => settingsOf(factory, { url: 'redis://h', ...options } as ConnectionOptions)
const isUsage = (error: unknown): boolean => isCacheError(error, 'usage')

test('options that make no sense are told before anything is opened, and passwords are not', () => {
  for (const options of [
    { url: undefined },
    { url: 7 },
    { url: 'localhost' },
    { url: 'localhost:6379' },
    { url: 'http://user:secret@h' },
    { url: 'user:secret@h:1' },
    { url: 'redis://' },
    { url: 'redis://:secret@' },
    { url: 'redis://h/one' },
    { url: 'redis://h/1/2' },
    { url: 'redis://user@h' },
    { url: 'redis://user:se%zzcret@h' },
    { url: 'redis://h:secret' },
    { commandTimeout: 0 },
    { commandTimeout: Number.NaN },
    { connectTimeout: -1 },
    { connectTimeout: '500' },
    { connectTimeout: 2 ** 31 },
    { readFrom: 'replica' },
    { readFrom: null },
    { readFrom: {} },
    { readFrom: { url: [] } },
    { readFrom: { url: ['redis://a', 'b'] } },
    { readFrom: { url: 'redis://a' }, url: 'rediss://h', tls: { ca: 'x' } },
    { tls: { ca: 'x' } },
    { credentials: { password: 'secret' } },
  ])
    assert.throws(
      () => settings(options),
      (error: unknown) => isUsage(error) && !/secret/.test(String(error)),
      JSON.stringify(options),
    )
})

test('a url says host, port, database and who', () => {
  assert.deepEqual(targetOf('redis://h'), { host: 'h', port: 6379, database: 0, isSecure: false, credentials: {} })
  assert.deepEqual(targetOf('rediss://some%40one:p%2Fa%25%C3%A9@[::1]:7/3'), {
    host: '::1',
    port: 7,
    database: 3,
    isSecure: true,
    credentials: { username: 'some@one', password: 'p/a%é' },
  })
  assert.deepEqual(targetOf('redis://:p@h:1/').credentials, { password: 'p' })
})

test('what gives credentials is asked for something that can be used, whatever it does', async () => {
  const given = { username: 'u', password: 'p', renewAfter: 5 }
  assert.equal(await settings({ credentials: async () => given }).wire.credentials?.(), given)
  const bad: readonly unknown[] = [
    undefined,
    null,
    'p',
    {},
    { password: '' },
    { password: 7 },
    { password: 'p', username: '' },
    { password: 'p', renewAfter: 0 },
    { password: 'p', renewAfter: Number.NaN },
    { password: 'p', renewAfter: '5' },
  ]
  for (const what of bad)
    await assert.rejects(
      async () => settings({ credentials: async () => what }).wire.credentials?.(),
      isUsage,
      JSON.stringify(what),
    )
  const thrown = () => {
    throw new Error('at once')
  }
  await assert.rejects(async () => settings({ credentials: thrown }).wire.credentials?.(), /at once/)
})

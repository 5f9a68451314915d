/** A group with users of IAM, and logins to it over TLS. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CreateReplicationGroupCommandInput, CreateUserCommand, CreateUserGroupCommand } from '@aws-sdk/client-elasticache'
import { Redis } from 'ioredis'
import { create as createGroup, type Place, placeOf, primaryOf } from './groups.ts'
import type { TestService } from './service.ts'
import { makeToken, type TokenWish } from './tokens.ts'

export const cache = 'orders'
export const user = 'iam-app'
export const password = 'a-password-of-length'

interface TlsPlace extends Place {
  readonly ca: string
}

type Credentials = TokenWish['credentials']

export const keysOf = (service: TestService): Credentials => {
  const { accessKeyId, secretAccessKey } = JSON.parse(readFileSync(join(service.home, 'secrets.json'), 'utf8')) as Credentials
  return { accessKeyId, secretAccessKey }
}

export const tokens =
  (service: TestService) =>
  (wish: Partial<TokenWish> = {}): Promise<string> =>
    makeToken({ cache, user, credentials: keysOf(service), ...wish })

/** The group with an IAM user, one with a password, and another IAM user. */
export const create = async (
  service: TestService,
  input: Partial<CreateReplicationGroupCommandInput> = {},
): Promise<TlsPlace> => {
  const api = service.client()
  try {
    const all = { Engine: 'valkey', AccessString: 'on ~* &* +@all' }
    for (const UserId of [user, 'iam-other'])
      await api.send(new CreateUserCommand({ ...all, UserId, UserName: UserId, AuthenticationMode: { Type: 'iam' } }))
    await api.send(new CreateUserCommand({ ...all, UserId: 'pass', UserName: 'pass', Passwords: [password] }))
    await api.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine: 'valkey', UserIds: [user, 'iam-other', 'pass'] }))
  } finally {
    api.destroy()
  }
  const group = await createGroup(service, cache, {
    NumCacheClusters: 2,
    TransitEncryptionEnabled: true,
    UserGroupIds: ['team'],
    ...input,
  })
  const place = group.ConfigurationEndpoint === undefined ? primaryOf(group) : placeOf(group.ConfigurationEndpoint)
  return { ...place, ca: service.larder('ca') }
}

const raw = (place: TlsPlace): Redis =>
  new Redis({
    host: place.host,
    port: place.port,
    tls: { ca: place.ca, checkServerIdentity: () => undefined },
    retryStrategy: () => null,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    protocol: 2,
    lazyConnect: true,
  })

export const open = async (place: TlsPlace): Promise<Redis> => {
  const client = raw(place)
  client.on('error', () => undefined) // told by the promises
  await client.connect()
  return client
}

export const said = async (answer: Promise<unknown>): Promise<string> => {
  try {
    return String(await answer)
  } catch (error) {
    return error instanceof Error ? (error.message.split(' ')[0] ?? '') : 'failed'
  }
}

export const login = async (place: TlsPlace, name: string, token: string): Promise<string> => {
  const client = await open(place)
  try {
    return await said(client.call('AUTH', name, token))
  } finally {
    client.disconnect()
  }
}

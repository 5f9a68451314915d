/**
 * Security groups of the time before VPCs: a name, and the security groups of EC2 whose members it lets in, at every port. AWS refuses them since EC2-Classic
 * ended; see docs/decisions/0010-security-groups.md.
 */
import { invalidValue } from '../errors.ts'
import type { Tag } from './group.ts'

export interface CacheSecurityGroupRecord {
  readonly region: string
  readonly name: string
  readonly description: string
  /** Ids of security groups of EC2. */
  readonly allowed: readonly string[]
  readonly tags: readonly Tag[]
}

export const cacheSecurityGroupPrefix = 'cachesecuritygroup/'
export const cacheSecurityGroupKey = (region: string, name: string): string => `${cacheSecurityGroupPrefix}${region}/${name}`

export const cacheSecurityGroupsInRegion = 50

/** In lower case. Throws `InvalidParameterValueException`. */
export const cacheSecurityGroupName = (value: string | undefined): string => {
  if (value === undefined || value === '')
    throw invalidValue('The parameter CacheSecurityGroupName must be provided and must not be blank.')
  const name = value.toLowerCase()
  if (!/^[a-z0-9][a-z0-9-]{0,254}$/.test(name) || name.startsWith('sg-')) {
    throw invalidValue(
      'The parameter CacheSecurityGroupName must contain only alphanumeric characters or hyphens, not begin with sg-, and have at most 255 characters.',
    )
  }
  if (name === 'default') throw invalidValue('The parameter CacheSecurityGroupName cannot be the word "Default".')
  return name
}

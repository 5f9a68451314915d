import type { RemoveTagsFromResourceMessage, TagListMessage } from '@aws-sdk/client-elasticache'
import { Fault } from '../../../../errors.ts'
import type { Action } from '../../../action.ts'
import { requiredList } from '../../../required.ts'
import { changeTags } from './change.ts'

export const removeTagsFromResource: Action<RemoveTagsFromResourceMessage, TagListMessage> = async (input, context) => {
  const keys = new Set(requiredList('TagKeys', input.TagKeys))
  return changeTags(context, input.ResourceName, (tags, follower) => {
    const unknown = [...keys].filter((key) => !tags.some((tag) => tag.key === key))
    // A node may have lost a tag of its group before.
    if (unknown.length > 0 && !follower) {
      throw new Fault('TagNotFoundFault', `The requested tag was not found on this resource: ${unknown.join(', ')}`)
    }
    return tags.filter((tag) => !keys.has(tag.key))
  })
}

//! The scopes X knows, and what each means in words.

/// Every known scope with the sentence the consent page shows for it.
pub(crate) const KNOWN: [(&str, &str); 27] = [
    ("tweet.read", "See posts you can see, including those of protected accounts you follow"),
    ("tweet.write", "Post and repost for you"),
    ("tweet.moderate.write", "Hide and unhide replies to your posts"),
    ("users.read", "See your profile and the accounts you can see"),
    ("users.email", "See the email address of your account"),
    ("follows.read", "See who follows you and whom you follow"),
    ("follows.write", "Follow and unfollow accounts for you"),
    ("offline.access", "Stay connected until you revoke access"),
    ("space.read", "See Spaces you can see"),
    ("mute.read", "See accounts you have muted"),
    ("mute.write", "Mute and unmute accounts for you"),
    ("like.read", "See posts you have liked and likes you can see"),
    ("like.write", "Like and unlike posts for you"),
    ("list.read", "See lists, their members and followers, including your private lists"),
    ("list.write", "Create and manage lists for you"),
    ("block.read", "See accounts you have blocked"),
    ("block.write", "Block and unblock accounts for you"),
    ("bookmark.read", "See your bookmarks and bookmark folders"),
    ("bookmark.write", "Add and remove bookmarks for you"),
    ("dm.read", "See your direct messages"),
    ("dm.write", "Send and manage direct messages for you"),
    ("media.write", "Upload photos and videos for you"),
    ("timeline.read", "See your custom timelines"),
    ("broadcast.read", "See your live broadcasts and their chat"),
    ("broadcast.write", "Manage your live broadcasts and their chat"),
    ("ads.read", "See your ad campaigns"),
    ("ads.write", "Create and change your ad campaigns"),
];

/// The scope without which no refresh token is issued.
pub(crate) const OFFLINE_ACCESS: &str = "offline.access";

pub(crate) fn is_known(scope: &str) -> bool {
    KNOWN.iter().any(|(name, _)| *name == scope)
}

/// Returns the sentence for `scope`, if it is known.
pub(crate) fn in_words(scope: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(name, _)| *name == scope).map(|(_, words)| *words)
}

/// Splits a space-separated list, dropping repetitions.
pub(crate) fn split(list: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in list.split(' ').filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

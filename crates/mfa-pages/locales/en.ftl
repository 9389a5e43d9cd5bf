## The frame of each page
language-name = English
language-switch = Language
skip-to-content = Skip to content
page-title = { $title } – { $service }
page-title-error = Error: { $title } – { $service }
panel-heading = Sign in to { $service }
panel-host = Check that your address bar shows { $host }.
panel-steps = You confirm who you are in two steps: your password, then a code sent to your phone.
panel-share = We never ask for your code or your password by phone or e-mail.
support-link = Contact support
cancel = Cancel signing in

## Sign-in
login-title = Sign in
login-lead = Enter your user name and password.
login-username = User name
login-password = Password
login-show-password = Show password
login-hide-password = Hide password
login-show-short = Show
login-hide-short = Hide
login-caps-lock = Caps Lock is on.
login-submit = Continue
login-failed = The user name or password is not correct.
login-throttled = There have been too many attempts to sign in. Try again after { $until }.
login-busy = We are busy right now. Wait a moment, then try again.
login-username-missing = Enter your user name.
login-password-missing = Enter your password.
login-signed-out = You have signed out.
login-continue-to = After you sign in, we take you to the page you asked for.
login-expired = Your sign-in took too long. Start again.
login-cancelled = You cancelled signing in.
login-help-title = I cannot sign in
login-help-text = If you have forgotten your user name or password, ask the administrator of your service.
login-help-privacy = On a shared device, always sign out when you have finished.

## Summary of problems
summary-check = Check what you entered
summary-wait = Please wait a little
summary-expired = This has expired
summary-unavailable = This is not available right now

## The second factor
prompt-submit = Continue
prompt-expires = Valid until { $until }.
prompt-numeric-hint = You can leave out spaces and hyphens or keep them.
prompt-help-title = Do you need help?
prompt-wait = Available in { $clock }.
prompt-ready = You can use this now.
prompt-live-expired = This has expired.
passkey-needs-script = This step needs JavaScript. Turn it on in your browser and reload this page.
passkey-unsupported = This browser does not support passkeys. Use another browser.
passkey-failed = The passkey was not confirmed. Try again.
prompt-requested-from = This sign-in comes from { $address }. If you did not start it, do not enter the code. Close this page.

## Message pages
message-unavailable-title = We cannot verify you right now
message-unavailable-body = Something we need to verify you is not available at the moment. Try again later.
message-locked-title = Temporarily locked
message-locked-body = There were too many wrong attempts, so we have paused this step for a while. You do not need to change your password.
message-blocked-title = You cannot continue
message-blocked-body = You cannot use this way of verifying at present. Ask the administrator of your service.
message-expired-title = Your sign-in has expired
message-expired-body = It took too long, so please start again. Nothing you entered has been kept.
message-session-lost-title = We cannot find your sign-in
message-session-lost-body = You may have finished in another tab, or your browser does not keep cookies. Allow cookies, then sign in again.
message-bad-request-title = We could not read that request
message-bad-request-body = What was sent could not be understood. Go back and try again.
message-csrf-title = This page is out of date
message-csrf-body = To keep you safe, we did not accept what was sent. Open the page again, then repeat what you did.
message-not-found-title = Page not found
message-not-found-body = The address may have changed, or the page may have been removed.
message-method-title = That is not possible here
message-method-body = This address does not accept that kind of request.
message-too-large-title = That is too large
message-too-large-body = What was sent is larger than we accept. Make it smaller, then try again.
message-forbidden-title = You do not have access to this page
message-forbidden-body = You need permission to use this page. Ask the administrator of your service.
message-internal-title = Something went wrong
message-internal-body = We could not finish what you asked for. Try again later.
message-busy-title = We are busy right now
message-busy-body = Many people are using the service. Wait a moment, then try again.
message-upstream-title = The service cannot be reached
message-upstream-body = The service behind this page is not available at the moment. Wait a while, then reload this page.
message-upstream-slow-title = The service does not answer
message-upstream-slow-body = It is taking too long. Wait a while, then reload this page.
message-retry-at = Try again after { $until }.
message-retry = Try again
message-login-again = Go to sign-in
message-home = Go to the start page
message-back-to-factor = Back to verification

## Account
account-title = Your account
account-lead = This is how you are signed in.
account-user = User name
account-name = Name
account-phone = Codes are sent to
account-phone-none = No number registered
account-phone-note = To change the number, ask the administrator of your service.
account-session = This session
account-signed-in-at = Signed in
account-methods = Verified by
account-expires-at = Signed in until
account-address = Address
account-continue = Back to the service
account-logout = Sign out
logout-title = Do you want to sign out?
logout-body = After signing out you will need your password and a new code the next time.
logout-stay = Stay signed in
reverify-title = Confirm that it is you
reverify-body = This page asks for a recent verification. You stay signed in.
reverify-continue = Continue
reverify-back = Back to the service
method-pwd = Password
method-sms = Text message code
method-otp = One-time code
method-other = { $name }

## Time
duration-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
}
duration-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
duration-minutes-seconds = { $m } min { $s } s
duration-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
month = { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
date-time = { $day } { month } at { $time }
date-time-year = { $day } { month } { $year } at { $time }

## Text message code
otp-title = Enter the security code
otp-title-new = You need a new security code
otp-sent = We sent a { $digits }-digit code by text message to { $to }.
otp-sending = We are sending a { $digits }-digit code by text message to { $to }. If it does not arrive, request it again in a while.
otp-warning = Never share this code. We will never ask for it.
otp-label = Security code
otp-hint = You can use it until { $expires }.
otp-resend = Send the code again
otp-new-code = Send a new code
otp-resent = We sent the code to { $to } again. Check your latest message.
otp-new-code-sent = We sent a new code to { $to }. Earlier codes no longer work.
otp-delivered = The text message has arrived.
otp-out-of-range = The text message has not arrived: the phone is off or out of range.
otp-not-delivered = The text message could not be delivered. Send it again.
otp-empty = Enter the security code.
otp-malformed = The code must be { $digits } numbers.
otp-wrong = { $attempts_left ->
    [one] That code is not correct. You can try once more.
   *[other] That code is not correct. You can try { $attempts_left } more times.
}
otp-expired = The code has expired. Request a new one.
otp-exhausted = There were too many wrong codes. Request a new one.
otp-resend-wait = { $seconds ->
    [one] You can send it again in { $seconds } second.
   *[other] You can send it again in { $seconds } seconds.
}
otp-resend-exhausted = This code cannot be sent again.
otp-resend-failed = We cannot send text messages right now. Try again later.
otp-limited = There were too many text messages. Try again after { $until }.
otp-locked = There were too many attempts. Try again after { $until }.
otp-blocked = There were too many attempts, so you cannot use text message codes. Ask your administrator.
otp-unavailable = We cannot send text messages right now. Try again later.
otp-changed-hands = We cannot send text messages to your registered phone number. Ask your administrator.
otp-help-delay = A text message can take a few minutes to arrive.
otp-help-signal = Check the signal and the flight mode of your phone.
otp-help-filter = Check that your phone does not block unknown senders.

## The frame of each page
language-name = English
language-switch = Language
skip-to-content = Skip to content
page-title = { $title } – { $service }
page-title-error = Error: { $title } – { $service }
panel-heading = Sign in to { $service }
panel-host = Check that your address bar shows { $host }.
panel-steps = You sign in in two steps: your password, then a code sent to your phone.
panel-share = We never ask for your code or your password by phone, e-mail or text message.
support-link = Contact support
support-phone = Support by phone:
privacy-link = Privacy policy
terms-link = Terms of use
cancel = Cancel signing in

## Sign-in
login-title = Sign in
login-lead = Enter your user ID and password.
login-username = User ID
login-password = Password
login-show-password = Show password
login-hide-password = Hide password
login-show-short = Show
login-hide-short = Hide
login-caps-lock = Caps Lock is on.
login-submit = Continue
login-failed = The user ID or password is not correct.
login-throttled = There have been too many attempts to sign in, so signing in is paused. Try again after { $until }.
login-must-change = Your password has expired, so you cannot sign in with it. Change it where your organization manages passwords, then sign in here.
login-busy = We are busy right now. Wait a moment, then try again.
login-username-missing = Enter your user ID.
login-password-missing = Enter your password.
login-signed-out = You have signed out.
login-continue-to = After you sign in, you go on to the page you asked for.
login-expired = Your sign-in took too long. Start again.
login-cancelled = You cancelled signing in.
login-help-title = I cannot sign in
login-help-text = If you have forgotten your user ID or password, contact support.
login-help-privacy = On a shared device, always sign out when you have finished.

## Summary of problems
summary-check = Check what you entered
summary-wait = Please wait a little
summary-ended = This verification code no longer works
summary-expired = This has expired
summary-unavailable = This is not available right now

## The second factor
prompt-submit = Verify
prompt-expires = Valid until { $expires }.
prompt-numeric-hint = You can leave out spaces and hyphens or keep them.
prompt-help-title = Do you need help?
prompt-wait = Wait { $length }.
prompt-ready = You can use “{ $action }” now.
passkey-needs-script = This step needs JavaScript. Turn it on in your browser and reload this page.
passkey-unsupported = This browser does not support passkeys. Use another browser.
passkey-failed = The passkey was not confirmed. Try again.
prompt-requested-from = This sign-in comes from the IP address { $address }. If this is not you, do not enter the code. Close this page.
prompt-other-login = Another sign-in was started in this browser, so what you just sent was not used. Continue with the sign-in on this page.

## Message pages
message-unavailable-title = We cannot verify you right now
message-unavailable-body = Something we need to verify you is not available at the moment. Try again later.
message-locked-title = Temporarily locked
message-locked-body = There were too many wrong verification codes, so text message verification is paused for a while. If this was not you, someone may know your password. Contact support.
message-blocked-title = You cannot continue
message-blocked-body = You cannot use this way of verifying at present. Contact support.
message-expired-title = Your sign-in has expired
message-expired-body = It took too long, so please start again. Nothing you entered has been kept.
message-session-lost-title = We cannot continue this sign-in
message-session-lost-body = You may have finished in another tab, or your browser does not keep cookies. Allow cookies, then sign in again.
message-bad-request-title = We could not accept that
message-bad-request-body = What was sent could not be read. Go to the start page and try again.
message-csrf-title = This page is out of date
message-csrf-body = To keep you safe, we did not accept what was sent. Open the page again, then repeat what you did.
message-not-found-title = Page not found
message-not-found-body = The address may have changed, or the page may have been removed. Check the address, or look for the page from the start page.
message-method-title = That is not possible here
message-method-body = This address does not accept that kind of request. Go to the start page and try again.
message-timeout-title = That took too long to arrive
message-timeout-body = What was sent took too long, so we did not accept it. Check your connection, then try again.
message-too-large-title = That is too large
message-too-large-body = What was sent is larger than { $limit }, the most that we accept here. Go back, make it smaller, then try again.
message-uri-too-long-title = That address is too long
message-uri-too-long-body = The address is longer than { $limit } characters, the most that we accept here. Shorten it, or go to the start page and try again.
message-misdirected-title = This address does not work
message-misdirected-body = No service uses this address. Check the address, or go on to sign-in.
message-forbidden-title = You do not have access to this page
message-forbidden-body = You need permission to use this page. Contact support.
message-internal-title = Something went wrong
message-internal-body = We could not finish what you asked for. Try again later.
message-busy-title = We are busy right now
message-busy-body = Many people are using the service. Wait a moment, then try again.
message-outage-title = That did not work right now
message-outage-body = There is a problem on our side for the moment. Wait a moment, then try again.
message-upstream-title = The service cannot be reached
message-upstream-body = The service behind this page is not available at the moment. Wait a while, then try again.
message-upstream-slow-title = The service does not answer
message-upstream-slow-body = It is taking too long. Wait a while, then try again.
message-retry-at = Try again after { $until }.
message-retry = Try again
message-reload = Show this page again
message-login-again = Go to sign-in
message-home = Go to the start page
message-account = Your account and sign-out
message-back-to-factor = Back to verification
message-reference = Reference number: { $reference }
message-cookies-title = Your browser does not keep cookies
message-cookies-body = Signing in needs cookies. Allow cookies for this site, then go to sign-in. Nothing that you entered has been kept.
message-not-sent-title = This has not been sent
message-not-sent-body = You need to sign in again first, so what you sent has not reached the service. This tab still has what you typed. Sign in in a new tab, come back to this tab and reload the page. Your browser then asks whether to send it again.
message-login-title = You need to sign in
message-login-body = This needs a sign-in, and there is none, or it has expired. Sign in, then try again.
message-step-up-title = You need to verify again
message-step-up-body = Your last verification is too old for this, or another one is needed. Verify again, then try again.
message-login-new-tab = Sign in in a new tab

## Account
account-title = Your account
account-lead = This is the account you are signed in to.
account-user = User ID
account-name = Name
account-phone = Codes are sent to
account-phone-ending = number ending in { $digits }
account-phone-none = No number registered
account-phone-note = To change the number, contact support.
account-session = This sign-in
account-signed-in-at = Signed in
account-methods = Verified by
account-expires-at = Signed in until
account-idle = Without activity you are signed out after { $idle }.
account-address = IP address
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
method-sms = SMS verification
method-otp = One-time password
method-other = { $name }

## Time
duration-seconds = { $n } sec
duration-minutes = { $n } min
duration-minutes-seconds = { $m } min { $s } sec
duration-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
clock-time = { $clock }
clock-time-seconds = { $clock }
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
weekday = { $weekday ->
    [1] Monday
    [2] Tuesday
    [3] Wednesday
    [4] Thursday
    [5] Friday
    [6] Saturday
   *[7] Sunday
}
date-time = { weekday } { $day } { month } at { $time }
date-time-year = { weekday } { $day } { month } { $year } at { $time }

## Text message code
otp-title = Enter the verification code
otp-title-new = You need a new verification code
otp-sent = We sent a { $digits }-digit verification code by text message to your phone number ending in { $to }.
otp-sending = We are sending a { $digits }-digit verification code by text message to your phone number ending in { $to }. If it does not arrive within about a minute, send it again.
otp-warning = Never share this code. We never ask for it by phone or in any other way.
otp-label = Verification code
otp-hint = You can use it until { $expires }.
otp-resend = Send the code again
otp-new-code = Get a new code
otp-resent = We sent the same verification code again. You can also use the code in the earlier message.
otp-resending = We are sending the verification code again. It may take a moment to arrive.
otp-new-code-sent = We sent a new verification code. Earlier codes no longer work.
otp-new-code-sending = We are sending a new verification code. Earlier codes no longer work.
otp-delivered = The text message is on your phone. Look in your messages.
otp-out-of-range = The text message has not arrived: your phone is off or out of range. Wait a moment where there is a signal. If it does not arrive, send it again.
otp-not-delivered = The text message could not be delivered. Send it again.
otp-empty = Enter the verification code.
otp-malformed = The verification code must be { $digits } numbers.
otp-wrong = { $attempts_left ->
    [one] That code is not correct. You can try once more.
   *[other] That code is not correct. You can try { $attempts_left } more times.
}
otp-expired = The verification code has expired. Get a new one.
otp-exhausted = There were too many wrong codes, so this verification code no longer works. Get a new one.
otp-resend-wait = You can send it again in { $length }.
otp-resend-exhausted = This code cannot be sent again. Get a new one.
otp-resend-failed = We cannot send text messages right now. Try again later. If that does not help, contact support.
otp-limited = There were too many text messages. Try again after { $until }.
otp-locked = There were too many wrong verification codes, so text message verification is paused. Start signing in again after { $until }. If this was not you, contact support.
otp-blocked = There were too many wrong verification codes, so text message verification has been stopped. To use it again, contact support.
otp-unavailable = We cannot send text messages right now. Try again later. If that does not help, contact support.
otp-changed-hands = We cannot send text messages to your registered phone number. Contact support.
otp-help-title = The text message does not arrive
otp-help-delay = A text message can take a few minutes to arrive.
otp-help-signal = Check the signal and the flight mode of your phone.
otp-help-filter = Check that your phone does not block unknown senders.
otp-help-sender = Our text messages come from { $number }.
otp-help-kinds = Foreign numbers, landlines and data-only SIM cards cannot receive these messages.
otp-tries-limited = You asked for text messages too often in a short time. Try again after { $until }.

"""Drives the vendor's Python SDK against the simulator at argv[1]; any surprise ends it with an error.

Run by tests/vendor_sdks.rs with an interpreter that has `karaden-prg-python`.
"""

import datetime
import json
import os
import sys
import tempfile
import urllib.request

from karaden.config import Config
from karaden.exception.bad_request_exception import BadRequestException
from karaden.exception.bulk_message_create_failed_exception import BulkMessageCreateFailedException
from karaden.exception.bulk_message_list_message_retry_limit_exceed_exception import (
    BulkMessageListMessageRetryLimitExceedException,
)
from karaden.exception.bulk_message_show_retry_limit_exceed_exception import (
    BulkMessageShowRetryLimitExceedException,
)
from karaden.exception.file_download_failed_exception import FileDownloadFailedException
from karaden.exception.file_not_found_exception import FileNotFoundException
from karaden.exception.file_upload_failed_exception import FileUploadFailedException
from karaden.exception.forbidden_exception import ForbiddenException
from karaden.exception.invalid_params_exception import InvalidParamsException
from karaden.exception.invalid_request_options_exception import InvalidRequestOptionsException
from karaden.exception.not_found_exception import NotFoundException
from karaden.exception.too_many_requests_exception import TooManyRequestsException
from karaden.exception.unauthorized_exception import UnauthorizedException
from karaden.exception.unexpected_value_exception import UnexpectedValueException
from karaden.exception.unknown_error_exception import UnknownErrorException
from karaden.exception.unprocessable_entity_exception import UnprocessableEntityException
from karaden.model.message import Message
from karaden.param.bulk.bulk_message_create_params import BulkMessageCreateParams
from karaden.param.bulk.bulk_message_download_params import BulkMessageDownloadParams
from karaden.param.message_cancel_params import MessageCancelParams
from karaden.param.message_create_params import MessageCreateParams
from karaden.param.message_detail_params import MessageDetailParams
from karaden.param.message_list_params import MessageListParams
from karaden.model.bulk_file import BulkFile
from karaden.model.bulk_message import BulkMessage
from karaden.request_options import RequestOptions
from karaden.service.bulk_message_service import BulkMessageService

TENANT = "159bfd33-b9b7-f424-4755-c119b324591d"
NUMBER = "09012345678"
JAPAN = datetime.timezone(datetime.timedelta(hours=9))

url = sys.argv[1]
Config.api_base = f"{url}/api"
Config.api_key = "demo-token"
Config.tenant_id = TENANT


def put(path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request).read()


def create(to=NUMBER, options=None, **more):
    return Message.create(MessageCreateParams(1, to, "認証コード 123456", **more), options)


def detail(message_id, options=None):
    return Message.detail(
        MessageDetailParams.new_builder().with_id(message_id).build(), options
    )


def raises(exception, call):
    try:
        call()
    except exception as caught:
        assert type(caught) is exception, (exception, caught)
        return caught
    raise AssertionError(f"{exception.__name__} was not raised")


def create_and_detail():
    limit = datetime.datetime.now(JAPAN) + datetime.timedelta(minutes=5)
    sent = create(tags=["python", "login"], is_shorten=False, limited_at=limit)
    assert sent.object == "message" and sent.status == "waiting", sent.status
    assert sent.tags == ["python", "login"]
    assert sent.limited_at == limit.replace(microsecond=0)
    found = detail(sent.id)
    assert found.id == sent.id and found.to == NUMBER and found.body == "認証コード 123456"
    assert found.sent_result == "received" and found.result == "done"
    assert found.received_at is not None and found.is_shorten_clicked is None
    assert detail(create(to="09000000002").id).sent_result == "unconnected"


def list_with_paging():
    sent = {create(tags=["paging"]).id for _ in range(25)}
    start = datetime.datetime.now(JAPAN) - datetime.timedelta(hours=1)
    seen, page = [], 1
    while True:
        params = MessageListParams(
            service_id=1,
            to=NUMBER,
            tag="paging",
            status="done",
            result="done",
            sent_result="received",
            start_at=start,
            end_at=datetime.datetime.now(JAPAN) + datetime.timedelta(hours=1),
            page=page,
            per_page=10,
        )
        answer = Message.list(params)
        seen += [message.id for message in answer.data]
        if not answer.has_more:
            break
        page += 1
    assert page == 3 and len(seen) == 25 and set(seen) == sent, (page, len(seen))


def cancel():
    later = datetime.datetime.now(JAPAN) + datetime.timedelta(hours=1)
    sent = create(scheduled_at=later)
    assert sent.scheduled_at == later.replace(microsecond=0)
    params = MessageCancelParams.new_builder().with_id(sent.id).build()
    assert Message.cancel(params).status == "canceled"
    error = raises(BadRequestException, lambda: Message.cancel(params))
    assert error.error.code == "can_not_cancel_message"


def options(**changes):
    builder = RequestOptions.new_builder()
    for name, value in changes.items():
        builder = getattr(builder, f"with_{name}")(value)
    return builder.build()


def every_error_class():
    raises(InvalidParamsException, lambda: create(to=""))
    raises(InvalidRequestOptionsException, lambda: create(options=options(api_key="")))
    error = raises(UnauthorizedException, lambda: create(options=options(api_key="wrong")))
    assert error.error.code == "unauthentication"
    error = raises(BadRequestException, lambda: create(options=options(tenant_id=TENANT[:-1] + "e")))
    assert error.error.code == "invalid_tenant"
    error = raises(BadRequestException, lambda: create(options=options(api_version="2022-01-01")))
    assert error.error.code == "invalid_version"
    error = raises(NotFoundException, lambda: detail(TENANT))
    assert error.error.code == "model_not_found"
    error = raises(UnprocessableEntityException, lambda: create(to="090"))
    assert error.error.code == "validation_error" and error.error.errors.get_property("to")
    for status, exception in (
        (403, ForbiddenException),
        (429, TooManyRequestsException),
        (500, UnknownErrorException),
        (409, UnknownErrorException),
    ):
        put("/faults", {"mode": str(status), "count": 1})
        raises(exception, create)
    for mode in ("html", "empty", "malformed"):
        put("/faults", {"mode": mode, "count": 1})
        raises(UnexpectedValueException, create)
    put("/quirks", {"error_without_object": True})
    raises(UnexpectedValueException, lambda: create(to="090"))
    put("/quirks", {})


def bulk_round_trip():
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "in.csv")
        with open(source, "w", encoding="utf-8", newline="") as file:
            file.write("service_id,to,body\r\n1,09012345678,一\r\n1,bad,二\r\n")
        bulk = BulkMessageService.create(source)
        assert bulk.object == "bulk_message" and bulk.status == "waiting"
        download = (
            BulkMessageDownloadParams.new_builder()
            .with_id(bulk.id)
            .with_directory_path(folder)
            .build()
        )
        assert BulkMessageService.download(download) is True
        (result,) = (name for name in os.listdir(folder) if name.startswith("messages_bulk-"))
        with open(os.path.join(folder, result), encoding="utf-8") as file:
            rows = json.load(file)
        assert [row["status"] for row in rows] == ["done", "processing_error"], rows

        used = BulkFile.create()
        params = BulkMessageCreateParams.new_builder().with_bulk_file_id(used.id).build()
        failed = BulkMessage.create(params)
        download.id = failed.id
        raises(BulkMessageCreateFailedException, lambda: BulkMessageService.download(download))
        assert raises(UnknownErrorException, lambda: BulkMessage.create(params)).status_code == 409
        put("/quirks", {"upload_expired": True})
        raises(FileUploadFailedException, lambda: BulkMessageService.create(source))
        put("/quirks", {})
        missing = os.path.join(folder, "missing.csv")
        raises(FileNotFoundException, lambda: BulkMessageService.create(missing))

        def ends_in(exception):
            download.id = BulkMessageService.create(source).id
            download.max_retries, download.retry_interval = 1, 10
            raises(exception, lambda: BulkMessageService.download(download))

        put("/faults", {"mode": "drop", "operation": "download", "count": 1})
        ends_in(FileDownloadFailedException)
        put("/quirks", {"bulk_never_ready": True})
        ends_in(BulkMessageListMessageRetryLimitExceedException)
        put("/quirks", {})
        put("/delivery", {"mode": "normal", "bulk_after_ms": 600_000})
        ends_in(BulkMessageShowRetryLimitExceedException)
        put("/delivery", {"mode": "normal", "bulk_after_ms": 0})


for step in (create_and_detail, list_with_paging, cancel, every_error_class, bulk_round_trip):
    step()
    print(f"ok: {step.__name__}")
